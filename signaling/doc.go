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
// After the upgrade of a WebSocket the HTTP handler returns. On Linux, without
// TLS, the connection then costs no goroutine: one poller for each processor
// reads for its share of them, round by round, and writes what a round has
// queued. Whoever has to wait while it carries out a frame hands the poller's
// part to a new goroutine first. Elsewhere, and over TLS, each WebSocket has one
// goroutine, its reader. Frames are written by whoever has one, without
// blocking, from the connection's queue; only while the socket takes no more
// does a writer goroutine run. One goroutine for the whole Server looks after
// pings and deadlines. [Server.Close] waits for them all.
//
// # Memory
//
// What is kept for a client counts against [Config.Memory]: for each seat and
// each connection a fixed part, and by an account what goes beyond it (events,
// replies, unfinished frames, what a slow socket does not take). Whoever is
// refused there is told so, or, as a reader that is too slow, closed with 4002.
//
// # Locks
//
// A shard of the room table is locked first, a connection's lock second, a
// transport's third; that of the client addresses and Config.Memory are asked
// under any of them. All of a room, its sessions included, is guarded by its
// shard's lock, so that a request is carried out as a whole or not at all.
// Nothing that can block, and no callback but Config.Memory and Config.Seated, happens under any of them: what is
// to be sent is noted in a flushes, and done when the lock is released.
package signaling
