package signaling

import "net/netip"

// Memory counts the bytes that clients make the process hold, see
// [Config.Memory]. Its methods are called by many goroutines at once, and under
// locks: they must not block, nor call the server.
type Memory interface {
	// Take reports whether n more bytes may be held for the client at addr.
	Take(addr netip.Addr, n int) bool
	// Give returns n bytes that Take granted.
	Give(addr netip.Addr, n int)
}

// unbounded is the Memory of a server without one.
type unbounded struct{}

func (unbounded) Take(netip.Addr, int) bool { return true }
func (unbounded) Give(netip.Addr, int)      {}

const (
	// connectionBytes is what a connection takes of the memory, and seatBytes
	// what a seat does, in bytes: a little more than each has by itself, and
	// accountAllowance.
	connectionBytes = 6 << 10
	seatBytes       = 8 << 10
	// accountAllowance is what is kept for a connection or a seat before
	// anything is taken for it.
	accountAllowance = 4 << 10
	// accountStep is how many bytes are taken at a time, so that what comes
	// and goes at once does not ask each time.
	accountStep = 8 << 10
)

// account counts the bytes that are kept for one connection or seat, and takes
// those beyond accountAllowance from the server's memory. The zero value is
// empty.
type account struct {
	used    int // bytes that are kept
	granted int // bytes that were taken for them
}

// keep reports whether n more bytes may be kept for the client at addr.
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

// free gives back what n bytes that are no longer kept had been taken for.
func (a *account) release(m Memory, addr netip.Addr, n int) {
	a.used -= n
	needed := roundUp(max(a.used-accountAllowance, 0))
	if spare := a.granted - needed; spare > accountStep || needed == 0 && spare > 0 {
		m.Give(addr, spare)
		a.granted = needed
	}
}

// close frees everything.
func (a *account) releaseAll(m Memory, addr netip.Addr) { a.release(m, addr, a.used) }

func roundUp(n int) int { return (n + accountStep - 1) / accountStep * accountStep }
