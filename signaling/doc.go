// Package signaling is callbox's signaling server: rooms in which peers find
// each other and exchange messages. PROTOCOL.md describes the protocol.
//
// # Parts
//
// A transport (webSocket, eventSource) carries frames and knows nothing of
// rooms. A connection is a transport and everything that belongs to the wire:
// the frames that wait to be sent, the rate of frames, the client's address. A
// session is one peer from its join until its seat is free, on whatever
// connections it uses in that time: its seat, the events that it has not
// confirmed, the replies that it may ask for again. The rooms assign the seats. The
// room for test calls is none of them, but a name for private ones (Config.Echo).
//
// # Goroutines
//
// The HTTP handler returns after the upgrade of a WebSocket. On Linux, without
// TLS, the connection then has no goroutine: there is one poller for each
// processor, which reads for its share of the connections, round by round, and
// writes what a round has queued. When handling a frame would block the poller, it
// first hands its other connections to a new goroutine. Elsewhere, and over TLS, each
// WebSocket has one goroutine, its reader. The goroutine that carries out a
// frame also writes what that queues, without blocking; a writer goroutine runs
// only while a socket takes no more. One goroutine for the whole Server sends
// pings and checks deadlines. [Server.Close] waits for all of them.
//
// # Memory
//
// What is held for a client counts against [Config.Memory]: a fixed amount for
// each seat and each connection, and by an account what exceeds it (events,
// replies, unfinished frames, what a slow socket does not take). When the memory
// is used up, a client gets an error, and the connection of one that reads too
// slowly is closed with 4002.
//
// The number of frames that wait for a client is bounded as well: replies by
// queue.push, messages by session.enqueueMessage with Limits.fits, the server's own
// events by session.announce with events.serverEventsFull. Beyond these
// bounds the sender of a message gets queue_full, and connection.sendQueued closes
// the connection of a client that does not read.
//
// # Locks
//
// They are locked in this order, from left to right:
//
//	fastListener.mu → Server.mu → pollers.mu → poller.mu
//	fastListener.mu → shard.mu → connection.mu → webSocket.mu or eventSource.mu
//
// Server.mu and shard.mu are never held together. Under any of them,
// addresses.mu and kicks.mu may be locked, and Config.Memory may be called; no
// lock is taken under addresses.mu, kicks.mu or eventSources.mu. kicks.saving is
// held while Config.Kicks saves; kicks.mu is locked under it for a moment before.
//
// shard.mu guards everything in its rooms, sessions included, so that a request
// is carried out as a whole or not at all. With a lock held, nothing blocks, and
// these callbacks alone are called: Config.Memory under any lock, Config.Seated
// under shard.mu, and Config.ClientAddr and the filter of [Server.Listener] under
// fastListener.mu. What is to be sent or logged is noted in effects, and done by
// effects.apply when the shard's and the connections' locks are released.
//
// # The path of a message
//
// A peer sends a message to another one in its room; both use a WebSocket
// without TLS on Linux.
//
//  1. poller.run has epoll say which sockets have data (poller.poll), and
//     poller.serve reads once from each (poller.readNow). No lock is held.
//  2. webSocket.handleFrames splits the bytes into frames and unmasks them
//     (decoder.next). No lock is held.
//  3. connection.handle counts the frame (connection.chargeFrame) and decodes it
//     (protocol.DecodeRequest). connection.handleRequest notes that the sender
//     gets a reply (effects.sendLast) and locks shard.mu, until step 5 is done.
//  4. session.execute calls session.handleMessage of the sender, which finds the
//     receiver (room.find). session.enqueueMessage of the receiver stores the
//     event (events.add), queues it under connection.mu of the receiver
//     (connection.push, queue.push) and notes that there is something to send
//     (effects.send). While the receiver is away, the event is only stored, and
//     session.replayLocked queues it when the receiver is back.
//  5. session.replyAck stores and queues the reply under connection.mu of the
//     sender (session.storeReplyLocked).
//  6. At the end of the round, poller.run calls effects.apply without any lock:
//     first for the connections that have events, then for those that have only
//     replies (sendList.sendAll, connection.sendQueued).
//  7. webSocket.flush makes the goroutine the writer of the receiver's socket
//     (webSocket.beginTurn, under webSocket.mu). webSocket.writeQueued takes frames from
//     the queue (webSocket.fill, connection.appendQueued, under connection.mu) and
//     writes them without waiting (stream.writeNow), with no lock held. When the
//     socket takes only a part, a writer goroutine goes on (stream.write).
//  8. The receiver's client confirms the event. connection.handleSeen drops it
//     under shard.mu (session.confirmSent, session.confirm, events.dropOldest).
//
// Without a poller, webSocket.readFrames does what poller.run does, for one
// connection. Over TLS, webSocket.fill encrypts what it takes (tlsStream.seal), and
// tlsStream.writeNow writes the records without waiting. Over plain HTTP, eventSource.post carries out the frame, and
// eventStream.serve, in the goroutine of the stream's request, takes frames from
// the queue and writes them (eventStream.writeQueued).
//
// # The end of a connection
//
// A WebSocket goes through these states, whichever side ends it:
//
//	open ─▶ ended ─▶ closing ─▶ read to its end ─▶ removed
//
// They mean:
//
//   - ended: connection.markEnded was called; nothing more is queued.
//   - closing: connection.sendQueued has called webSocket.closeGracefully, which
//     sends the close frame after what is queued. It calls webSocket.abort when
//     the client has not closed within closeTimeout, or as soon as the close frame
//     is sent when the connection makes way for another.
//   - read to its end: the client has closed, or the connection is broken or
//     aborted. webSocket.handleReadEnd calls connection.close, which has no effect
//     if the connection had ended before.
//   - removed: webSocket.teardown has waited for the writer
//     (webSocket.waitWriter), closed the stream and called
//     Server.removeConnection.
//
// This is who ends a connection, by which call, what becomes of the seat of its
// session, and in which goroutine the socket closes:
//
//	cause                            call                          code        seat   socket closes in
//	the client closes                connection.close              same        held   poller or reader
//	the connection breaks            connection.close              1006        held   poller or reader
//	invalid WebSocket frame          connection.close              1002, 1007  held   new or reader
//	frame too large                  connection.closeTooLarge      1009        held   new or reader
//	no memory for a frame            connection.closeNoMemory      4002        held   new or reader
//	the client reads too slowly      connection.close              4002        held   poller or reader
//	other clients need it            connection.close              4002        held   poller or reader
//	no join in time                  connection.close              1008        none   poller or reader
//	no join in time after leave      connection.close              1000        none   poller or reader
//	nothing comes from the client    connection.close              1001        held   poller or reader
//	no answer, in a full room        connection.closeUnresponsive  1001        held   poller or reader
//	bad frames, far beyond the rate  connection.closeForAbuse      1008        freed  poller or reader
//	the operator kicks the peer      connection.markEnded          1008        freed  poller or reader
//	another connection takes over    connection.markEnded          4001        moves  poller or reader
//	a reloaded page takes over       connection.markEnded          4001        freed  poller or reader
//	the server goes down             connection.close              1001        freed  poller or reader
//	DELETE of the HTTP session       eventSource.leave             1000        freed  the stream's request
//
// A held seat is freed when the grace time is over (rooms.expire); connection.close
// frees it at once if the client had already been idle for the whole grace time
// (rooms.disconnect). When the server goes down, the other peers are not told. A
// leave frees the seat as well (shard.removePeer), and the connection stays open
// for another join.
//
// The socket closes in the goroutine that reads: the poller's, or the WebSocket's
// own reader. A poller must not wait. So when the client may still send, or a
// writer is running, poller.end starts a new goroutine for webSocket.teardown.
// An eventSource has no socket of its own: the goroutine of the stream's request
// returns, and eventSource.run calls Server.removeConnection.
package signaling
