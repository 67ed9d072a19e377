// Package accept bounds the TCP connections that a server of web pages and
// WebSockets holds: of each client address, and in all, so that descriptors are
// left for everything else.
//
// A [Table] counts connections when they are accepted. When it is full, a
// newcomer is not simply refused, since whoever opens connections and leaves
// them there would then keep everybody out. It takes the place of a connection
// that serves HTTP, of the address that has most of those: the one that has
// waited longest for a request, or else the oldest. Only an address that has no
// more of them than the newcomer's keeps what it has. WebSockets, streams of
// events and TURN, which carry calls, are counted and never give way.
//
// An http.Server tells the table what its connections do: [Table.State] is to be
// its ConnState. Connections of which nothing is told never give way, either.
package accept
