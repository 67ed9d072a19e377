package doctor

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// exchangeTime bounds exchange.
	exchangeTime = 4 * time.Second
	// warmUp is how long the first packets may take. Then channels are bound, which the packets that are
	// counted use, as those of a call do.
	warmUp = 1500 * time.Millisecond
	// settle is for the binding of channels, after the first packet has come back.
	settle = 250 * time.Millisecond
	// interval is between two packets.
	interval = 10 * time.Millisecond
	// counted is how many packets are counted, and late how long the last of them may take.
	counted = 50
	late    = 500 * time.Millisecond
	// packetBytes is as many as of a packet with sound, and largeBytes as many as browsers put into one
	// at most.
	packetBytes = 100
	largeBytes  = 1200
	largeCount  = 8
)

// measured is what became of the packets.
type measured struct {
	sent, returned int
	rtt            time.Duration // the median, of one relay: half of that of two
	triedLarge     bool          // there was time to wait for packets of largeBytes
	large          bool          // one of them came back
}

// packets counts what comes back to its sender.
type packets struct {
	to   net.Addr
	from *relayEnd

	mu    sync.Mutex
	sent  []time.Time
	came  map[uint32]time.Duration
	large bool
}

// exchange sends packets from a to b, which sends them back. It ends the ends when ctx ends.
func exchange(ctx context.Context, a, b *relayEnd) measured {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	p := &packets{to: b.relay.LocalAddr(), from: a, came: map[uint32]time.Duration{}}
	var both sync.WaitGroup
	defer both.Wait()
	closeBoth := func() {
		a.close()
		b.close()
	}
	defer closeBoth() // or waits until they are closed
	// Only that interrupts what waits for a permission.
	defer context.AfterFunc(ctx, closeBoth)()
	if err := b.client.CreatePermission(a.relay.LocalAddr()); err != nil {
		return measured{}
	}
	both.Go(func() { echo(b.relay) })
	both.Go(p.receive)
	if !p.warmUp(ctx) {
		return measured{}
	}
	first := p.sendMany(ctx, counted)
	p.await(ctx, late, func() bool { return p.cameSince(first) == counted })
	m := p.measure(first)
	p.sendLarge(ctx)
	m.large = p.await(ctx, late, func() bool { return p.large })
	m.triedLarge = m.large || ctx.Err() == nil
	return m
}

// echo sends everything back, until the relay is closed.
func echo(relay net.PacketConn) {
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := relay.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = relay.WriteTo(buffer[:n], from) // then the packet is lost
	}
}

// receive counts what comes back, once each, until the relay is closed.
func (p *packets) receive() {
	buffer := make([]byte, maxPacket)
	for {
		n, _, err := p.from.relay.ReadFrom(buffer)
		if err != nil {
			return
		}
		if n < packetBytes {
			continue
		}
		number := binary.BigEndian.Uint32(buffer)
		p.mu.Lock()
		if _, again := p.came[number]; !again && int(number) < len(p.sent) {
			p.came[number] = time.Since(p.sent[number])
			p.large = p.large || n >= largeBytes
		}
		p.mu.Unlock()
	}
}

// send sends the next packet. If that fails it is lost, like any other.
func (p *packets) send(bytes int) {
	packet := make([]byte, bytes)
	p.mu.Lock()
	binary.BigEndian.PutUint32(packet, uint32(len(p.sent))) //nolint:gosec // few are sent
	p.sent = append(p.sent, time.Now())
	p.mu.Unlock()
	_, _ = p.from.relay.WriteTo(packet, p.to)
}

// warmUp sends packets until the first has come back and channels are bound. It reports whether one has.
func (p *packets) warmUp(ctx context.Context) bool {
	answered := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.came) > 0
	}
	p.sendUntil(ctx, warmUp, answered)
	if !answered() {
		return false
	}
	p.sendUntil(ctx, settle, func() bool { return false })
	return true
}

// sendUntil sends packets until done, or until the time is over.
func (p *packets) sendUntil(ctx context.Context, limit time.Duration, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !done() {
		if p.send(packetBytes); !pause(ctx) {
			return
		}
	}
}

// sendMany sends n packets and returns the number of the first.
func (p *packets) sendMany(ctx context.Context, n int) (first int) {
	p.mu.Lock()
	first = len(p.sent)
	p.mu.Unlock()
	for range n {
		p.send(packetBytes)
		if !pause(ctx) {
			break
		}
	}
	return first
}

func (p *packets) sendLarge(ctx context.Context) {
	for range largeCount {
		p.send(largeBytes)
		if !pause(ctx) {
			return
		}
	}
}

// await waits until done, and reports whether it became true in time.
func (p *packets) await(ctx context.Context, limit time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		p.mu.Lock()
		is := done()
		p.mu.Unlock()
		if is || !pause(ctx) {
			return is
		}
	}
}

// cameSince must be called with mu held.
func (p *packets) cameSince(first int) int {
	n := 0
	for number := range p.came {
		if int(number) >= first {
			n++
		}
	}
	return n
}

// measure counts the packets from the first on.
func (p *packets) measure(first int) measured {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := measured{sent: len(p.sent) - first}
	var times []time.Duration
	for number, took := range p.came {
		if int(number) >= first {
			times = append(times, took)
		}
	}
	if m.returned = len(times); m.returned > 0 {
		slices.Sort(times)
		m.rtt = times[len(times)/2] / 2
	}
	return m
}

// pause waits until the next packet, and reports false if ctx has ended.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
