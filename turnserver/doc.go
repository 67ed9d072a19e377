// Package turnserver is a STUN and TURN server (RFC 8489, RFC 8656) for calls. Its credentials
// expire, it denies by default all peers through which a relay could be turned against the
// server's own network, and it counts every allocation.
//
// # How to use it
//
// [Listen] opens UDP sockets. [NewListener] goes below tls.NewListener for TURN over TLS.
// [New] starts a server on them, as [Config] says, and takes them over. Then:
//
//   - [Server.Credential] makes the user name and password for a client; [SignCredential]
//     does the same without a server.
//   - [Server.CheckCredential] makes one for a check of a connection, which is good for little.
//   - [Server.Snapshot] and [Server.Allocations] return counters and live allocations.
//   - [Server.Kick], [Server.Revoke] and [Server.Suspend] end and refuse users; [Server.Restore]
//     accepts a suspended one again.
//   - [Server.SetSecrets], [Server.SetUsers], [Server.SetPublicIPs] and [Server.SetPeers]
//     reload parts of the configuration.
//   - [Server.CheckRelays] checks whether relays can be reached at their public addresses.
//   - [Server.Drain] refuses new allocations, and [Server.Close] ends everything.
//
// # Parts
//
//	       clients over UDP     clients over TCP, TLS                    peers
//	              │                       │                                │
//	              ▼                       ▼                                ▼
//	┌ datapath.Socket ────────── stream, datapath.Stream ────────── datapath.Relay ┐
//	│                                                                              │
//	│  Path: relays ChannelData, Send and Data indications; answers Binding        │
//	└──────┬───────────────────────────────────────────────────────────────▲───────┘
//	       │ all other messages: ReadControl                               │
//	       ▼                                                               │
//	   endpoint ───▶ guard ───────────────────▶ pion/turn ───────────▶ allocation
//	                 authenticates, checks      keeps allocations,     Start, Permit,
//	                 and answers requests       permissions, channels  Bind, Close
//	                   │
//	                   ├─ credentials, nonces    who asks: signatures, fixed users, revocations
//	                   ├─ policy                 which peers are denied
//	                   └─ registry, reservations the quotas, and who has which allocation
//
// The subpackages: datapath moves packets, wire reads and builds messages, limit has rate
// limits, publicip finds the server's public address, coturn reads coturn's configuration.
//
// # The path of a packet
//
// Client A has an allocation over UDP, and has bound a channel to a peer. The peer is the
// relayed transport address of client B, who has an allocation at this server, too. On Linux,
// ChannelData of A takes this path:
//
//  1. engine.run waits for the sockets of A and of many others in rawio.EpollWait.
//     engine.receive receives what has come to the socket of A, up to 32 datagrams with one
//     system call (inbox.receive), and looks up the relay of the sender (table.get).
//  2. engine.handle passes each datagram to Socket.receive, which calls Path.fromClient.
//     datapath.classify finds ChannelData; Relay.sendChannel looks up the channel
//     (rights.channel) and removes the header (packet.strip).
//  3. Relay.toPeer sends the payload. Relay.resolve finds the relay of B at the address of
//     the peer: the packet goes straight to that relay, and the policy is not
//     asked. Relay.charge takes the
//     bytes from the rate limits of A and of the server.
//  4. Relay.fromRelay of B's relay checks that B has a permission for A, and charges B.
//     Relay.toClient puts a header in front of the payload, without copying it:
//     wire.PutChannelHeader if B has a channel for A, else wire.PutDataIndication.
//  5. engine.toClient collects the datagram (outbox.toClient, outbox.add). At the end of the
//     round engine.endRound calls outbox.flush, and sender.send sends all datagrams of a
//     socket with one system call.
//
// If the peer is not at this server, Relay.resolve asks policy.denies, which the data path has
// as Denies in its configuration, and Relay.toPeer calls engine.toPeer, which sends the payload from the
// socket of the allocation.
//
// In the other direction, a datagram of the peer arrives at that socket: engine.handle calls Relay.fromPeer.
// Relay.checkPeer checks permission and policy, Relay.charge the rate limits, and
// Relay.toClient goes on as in steps 4 and 5.
//
// A client on a TCP or TLS connection has a goroutine that reads: stream.ReadControl calls
// stream.nextFrame, and frameReader.next splits what frameReader.fill has read. Stream.Receive
// calls Path.fromClient, and the rest is as above, except that Stream.Flush ends a round. To
// such a client outbox.toClient queues the message (Stream.queue). Stream.push writes it at
// once, by Socket.TryWrite or, over TLS, by stream.writeRecordsNow. What the socket does not take
// is left to stream.writeQueued.
//
// # The path of a request
//
// Socket.receive queues every request but plain Binding (Socket.enqueue), which
// Socket.answerBinding answers at once. pion reads from the endpoint as if that were the socket:
// endpoint.ReadFrom gets the request (Socket.ReadControl), and endpoint.guard authenticates and
// checks it; endpoint.checkPeers asks the policy about the peers in it (policy.denies). endpoint.answerError refuses it; otherwise endpoint.toPion rebuilds it for pion, which
// calls back while it handles it: endpoint.AllocatePacketConn opens the relay socket
// (Server.openAllocation, Path.Open), endpoint.onAllocationCreated starts to relay (Relay.Start),
// endpoint.onPermission and endpoint.onChannel pass on permissions and channels (Relay.Permit,
// Relay.Bind). pion responds by endpoint.WriteTo; endpoint.fromPion and endpoint.answerSuccess make
// the response for the client of it.
//
// # Goroutines
//
// Each has an owner that starts it, ends it, and waits for it:
//
//   - The data path owns engine.run and netpollWaker.run for each engine, on Linux, and
//     portableConn.read for each other socket. Path.Close ends them; a packet of UDP never
//     changes the goroutine.
//   - The server owns Server.accept for each listener, Server.serveStream and
//     stream.writeQueued for each connection, and Server.refreshInterfaceAddrs. Server.Close
//     ends them.
//   - Each endpoint has the goroutine with which pion reads from it. It starts in Server.serve
//     and ends when endpoint.ReadFrom fails, because the connection is closed. pion starts one
//     more for each allocation, which allocation.ReadFrom ends at once. endpoint.wait waits
//     for all of them.
package turnserver
