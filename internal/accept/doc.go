// Package accept limits the TCP connections of a server of web pages and WebSockets,
// for each client address and in all, so that descriptors are left for everything else.
//
// A [Table] counts connections when they are accepted. When it is full, a new
// connection is not simply refused, because then a client that opens connections and
// leaves them open could keep everyone out. Instead it displaces a connection that
// serves HTTP, from the address that has the most of those: the one that has waited
// longest for a request, or else the oldest. Only an address that has no more of them
// than the address of the new connection loses none. WebSockets, event streams and
// TURN, which carry calls, are counted but never displaced.
//
// An http.Server tells the table what its connections do: set its ConnState to
// [Table.State]. A connection whose state is never told is not displaced, either.
package accept
