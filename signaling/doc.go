// Package signaling is callbox's signaling server: rooms in which peers find
// one another and exchange messages. PROTOCOL.md says what goes over the wire.
//
// # Parts
//
// A transport (webSocket, eventSource) carries frames and knows nothing of
// rooms. A connection is a transport and what belongs to the wire: the frames
// that wait to be sent, the rate of frames, the client's address. A session is
// one peer from its join to its departure, whatever connections carry it: its
// seat, the events that it has not confirmed, the replies that it may ask for
// again. Rooms decide who sits where.
//
// # Goroutines
//
// A WebSocket costs one goroutine, its reader, which the Server starts after
// the upgrade so that the HTTP handler can return. Frames are written by
// whoever has one, without blocking, from the connection's queue; only while
// the socket takes no more does a writer goroutine run. One goroutine for the
// whole Server looks after pings and deadlines. [Server.Close] waits for them
// all.
//
// # Locks
//
// A shard of the room table is locked first, a connection's lock second, a
// transport's last. All of a room, its sessions included, is guarded by its
// shard's lock, so that a request is carried out as a whole or not at all.
// Nothing that can block, and no callback, happens under any of them: what is
// to be sent is noted in a flushes, and done when the lock is released.
package signaling
