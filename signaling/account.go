package signaling

import "net/netip"

// Memory counts the bytes that clients make the process hold, see
// [Config.Memory]. Its methods are called by many goroutines at once, and with
// locks held: they must not block, and must not call the server.
type Memory interface {
	// Take reports whether n more bytes may be held for the client at addr.
	Take(addr netip.Addr, n int) bool
	// Give returns n bytes that Take granted.
	Give(addr netip.Addr, n int)
}

// unbounded is the Memory of a server that has no bound.
type unbounded struct{}

func (unbounded) Take(netip.Addr, int) bool { return true }
func (unbounded) Give(netip.Addr, int)      {}

const (
	// connectionBytes and seatBytes are what a connection and a seat are
	// charged, in bytes: a little more than each holds by itself, plus
	// accountAllowance.
	connectionBytes = 6 << 10
	seatBytes       = 8 << 10
	// accountAllowance is how many bytes a connection or seat may hold before
	// its account takes anything from the server's memory.
	accountAllowance = 4 << 10
	// accountStep is how many bytes an account takes at a time, so that bytes
	// that are held for a moment only do not ask each time.
	accountStep = 8 << 10
)

// account counts the bytes that are held for one connection or seat, and takes
// what exceeds accountAllowance from the server's memory. The zero value is
// empty.
type account struct {
	used    int // bytes that are held
	granted int // bytes that the server's memory granted for them
}

// reserve reports whether n more bytes may be held for the client at addr, and
// counts them if so.
func (a *account) reserve(m Memory, addr netip.Addr, n int) bool {
	if missing := a.used + n - accountAllowance - a.granted; missing > 0 {
		step := roundUp(missing)
		if !m.Take(addr, step) {
			return false
		}
		a.granted += step
	}
	a.used += n
	return true
}

// release counts n bytes that are no longer held, and gives back what was
// granted for them.
func (a *account) release(m Memory, addr netip.Addr, n int) {
	a.used -= n
	needed := roundUp(max(a.used-accountAllowance, 0))
	if unused := a.granted - needed; unused > accountStep || needed == 0 && unused > 0 {
		m.Give(addr, unused)
		a.granted = needed
	}
}

// releaseAll releases everything.
func (a *account) releaseAll(m Memory, addr netip.Addr) { a.release(m, addr, a.used) }

func roundUp(n int) int { return (n + accountStep - 1) / accountStep * accountStep }
