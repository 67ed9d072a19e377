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

// portRest is how long a released port is kept from new allocations, so that packets that are
// still on their way do not reach another user. When no other port is left, the one that was
// released first is used earlier.
const portRest = time.Minute

var errPortsExhausted = errors.New("every relay port is in use")

// ports are the relay ports of one address. They are assigned in random order (RFC 8656 section
// 21.1.2), each until it is released.
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

// bind opens a socket at a free port for which fits returns true. It skips ports that another
// program uses, and returns any other error of listen. The caller releases the port.
func (p *ports) bind(fits func(port uint16) bool, listen func(port uint16) (net.PacketConn, error)) (net.PacketConn, uint16, error) {
	var inUse []uint16
	defer func() {
		for _, port := range inUse {
			p.release(port)
		}
	}()
	for {
		port, ok := p.pick(fits)
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
		inUse = append(inUse, port)
	}
}

func (p *ports) pick(fits func(port uint16) bool) (uint16, bool) {
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

// unused returns how many ports are not in use.
func (p *ports) unused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free) + len(p.resting)
}

// release gives back a port that was in use by a client.
func (p *ports) release(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = append(p.resting, restingPort{port, p.now().Add(portRest)})
}

// restore gives back a port that was never in use by a client.
func (p *ports) restore(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, port)
}

func isAddressInUse(err error) bool {
	const windowsAddressInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsAddressInUse)
}
