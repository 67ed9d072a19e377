// Package rawio reads and writes the sockets of connections without ever blocking a
// thread. It is shared by the signaling server and the TURN server:
//
//   - [Socket] reads with a buffer that is borrowed only once there is something to
//     read, so that an idle connection holds none, and writes what the socket takes
//     at once.
//   - [RecordConn] is such a socket below TLS. It reads many TLS records with one
//     system call, and holds those that TLS writes until they are sent together.
//   - [Receive] and [EpollWait] are for those who wait for many sockets at once.
package rawio
