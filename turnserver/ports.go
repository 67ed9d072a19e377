package turnserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// portRest is how long a released port is kept from new allocations, so that
// packets still on their way to the old one do not meet another user. A range
// that has nothing else left hands out the port that has rested longest.
const portRest = time.Minute

var errPortsExhausted = errors.New("every relay port is in use")

// ports hands out the relay ports of one address, in random order (RFC 8656
// section 21.1.2), each until it is released.
type ports struct {
	span PortRange
	now  func() time.Time

	mu      sync.Mutex
	free    []uint16
	resting []restingPort // oldest first
}

type restingPort struct {
	port  uint16
	until time.Time
}

func newPorts(span PortRange, now func() time.Time) *ports {
	p := &ports{span: span, now: now, free: make([]uint16, 0, int(span.Max)-int(span.Min)+1)}
	for port := span.Min; ; port++ {
		p.free = append(p.free, port)
		if port == span.Max {
			return p
		}
	}
}

// bind opens a socket at a free port that fits. Ports that something else on
// the machine uses are passed over; any other error of listen ends it. The
// caller releases the port.
func (p *ports) bind(fits func(port uint16) bool, listen func(port uint16) (net.PacketConn, error)) (net.PacketConn, uint16, error) {
	var taken []uint16
	defer func() {
		for _, port := range taken {
			p.release(port)
		}
	}()
	for {
		port, ok := p.take(fits)
		if !ok {
			return nil, 0, fmt.Errorf("%w: %s", errPortsExhausted, p.span)
		}
		conn, err := listen(port)
		if err == nil {
			return conn, port, nil
		}
		if !isAddressInUse(err) {
			p.restore(port)
			return nil, 0, fmt.Errorf("open relay port: %w", err)
		}
		taken = append(taken, port)
	}
}

func (p *ports) take(fits func(port uint16) bool) (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	rested := 0
	for rested < len(p.resting) && !now.Before(p.resting[rested].until) {
		p.free = append(p.free, p.resting[rested].port)
		rested++
	}
	p.resting = append(p.resting[:0], p.resting[rested:]...)
	if n := len(p.free); n > 0 {
		start := rand.IntN(n) //nolint:gosec // seeded by the system, and a port is no secret
		for i := range n {
			at := (start + i) % n
			if port := p.free[at]; fits(port) {
				p.free[at] = p.free[n-1]
				p.free = p.free[:n-1]
				return port, true
			}
		}
	}
	for i, rest := range p.resting {
		if fits(rest.port) {
			p.resting = append(p.resting[:i], p.resting[i+1:]...)
			return rest.port, true
		}
	}
	return 0, false
}

// left returns how many ports are not in use.
func (p *ports) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free) + len(p.resting)
}

// release gives back a port that was in use.
func (p *ports) release(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = append(p.resting, restingPort{port, p.now().Add(portRest)})
}

// restore gives back a port that never was.
func (p *ports) restore(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, port)
}

func isAddressInUse(err error) bool {
	const windowsAddressInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsAddressInUse)
}
