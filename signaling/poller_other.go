//go:build !linux

package signaling

// pollers read for the WebSockets that are sockets of the system, with one
// goroutine for each processor instead of one for each connection. So one
// wake-up of the scheduler serves all connections that have data, and an idle
// connection has no stack.
type pollers struct{}

// poller has an epoll instance of its own, which the Go runtime's poller watches
// like a socket. So it waits as goroutines do, and occupies no thread.
type poller struct{}

// init fixes the number of pollers, before other parts of the process, such as
// the TURN server, raise GOMAXPROCS.
func (*pollers) init() {}

// add makes a poller read for t from now on. It returns false when no poller
// can: t then needs a goroutine of its own.
func (*pollers) add(*webSocket) bool { return false }

// close ends the pollers and waits for them. All connections must have ended.
func (*pollers) close() {}

// detach makes the caller, the goroutine in run, the reader of t alone, and
// starts another goroutine in run for the other connections. It returns false,
// and changes nothing, when that is not possible.
func (*poller) detach(*webSocket) bool { return true }
