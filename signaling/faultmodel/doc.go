// Package faultmodel plays random histories against the signaling server: clients
// that join, send, reload and leave, connections that break at any byte, a server
// that restarts. It compares what each client observed with the protocol.
//
// The tests of package signaling run it (TestFaultModel). A test that fails prints
// the command that replays its history. The model uses the exported API of the
// server; only Remains looks inside, so those tests pass it in.
//
// The terms:
//
//	plan          what will happen: settings and steps, drawn from a seed
//	step, op      one action of a client, the network or the server, and its kind
//	history       one run of a plan, with the log of what everyone observed
//	fault         a broken rule of the protocol
//	faultClient   a person with a browser, who joins and rejoins
//	participant   what one seat stands for over time: from a plain join on,
//	              through resume, replace and the same nonce again
//	incarnation   the time in which the event numbers of a participant go on: from
//	              a joined with resumed:false to the next, or to its end
//	clientConn    one connection of a client (variable cc)
//	abandoned     said of a conn: its client uses another one
//	damaged       said of a conn: it may end, or fall silent, at any time
//	intact        said of a conn: all that is sent on it arrives in the end
//	ordered       said of a conn: replies and events arrive in the order in which
//	              the server made them, as on a WebSocket
//	wire          a transport of the test: socketWire, eventWire
//	fuse          breaks a conn after a number of bytes
//	blackhole     a conn that swallows all bytes and never ends
//	loss notice   a bye, or a back with resumed:false, which tells a sender that
//	              messages may not have arrived
//	quiet step    one after which nothing is under way, so that all can be compared
package faultmodel
