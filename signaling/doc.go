// Package signaling is callbox's signaling server: rooms in which peers find
// one another and exchange messages. PROTOCOL.md says what goes over the wire.
//
// # Parts
//
// A transport (webSocket) carries frames for one session and knows nothing of
// rooms. A session is one client: its queue, its event numbers, its request
// ids. A seat is a peer's place in a room; rooms decide who sits where.
//
// # Goroutines
//
// A WebSocket costs one goroutine, its reader, which the Server starts after
// the upgrade so that the HTTP handler can return. Frames are written by
// whoever has one, without blocking, from the session's bounded queue; only
// while the socket takes no more does a writer goroutine run. One goroutine
// for the whole Server looks after pings and deadlines. [Server.Close] waits
// for them all.
//
// # Locks
//
// A shard of the room table is locked first, a session's lock second, a
// transport's last. Nothing that can block, and no callback, happens under
// any of them; sockets are written after the room's lock is released.
package signaling
