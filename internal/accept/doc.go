// Package accept limits the TCP connections of a server of web pages and WebSockets,
// for each client address and in all, so that descriptors are left for everything else.
//
// A [Table] counts connections when they are accepted. When it is full, a new
// connection is not simply refused, because then a client that opens connections and
// leaves them open could keep everyone out. Instead it displaces a connection that
// serves HTTP, from the address that has the most of those: the one that has waited
// longest for a request, or else the oldest. If no address has more of them than the
// newcomer's own, the newcomer displaces that one of its own which has waited longest.
// An address that has all the connections it may have displaces one of its own, too.
// Without one that waits, the newcomer is refused. WebSockets, event streams and TURN,
// which carry calls, are counted but never displaced.
//
// An http.Server tells the table what its connections do: set its ConnState to
// [Table.State]. A connection whose state is never told is not displaced, either.
package accept
