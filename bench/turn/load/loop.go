//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"callbox/bench/signaling/epoll"
	"callbox/bench/turn/datagram"
)

// loop sends and receives all packets, in one thread.
type loop struct {
	size     int
	burst    int // packets that a flow sends at a time
	coalesce bool
	spin     bool // it never sleeps
	tries    int  // how often to repeat a measurement while other programs are busy
	flows    []*flow
	pattern  *pattern

	poller    *epoll.Poller
	endpoints [epoll.MaxFD]*endpoint
	receiver  *datagram.Receiver
	sender    *datagram.Sender
	slots     [mostBurst][mostPrefix + headBytes]byte
	started   time.Time
	turn      int // index of the next flow
	due       time.Duration
	tally
}

// mostBurst is the maximum number of packets that a flow sends at a time.
const mostBurst = 64

// tally counts events during a measurement.
type tally struct {
	measuring  bool
	since      time.Duration // packets that were due earlier do not count
	arrived    int           // during the measurement
	delivered  int           // of those sent during the measurement
	sent       int
	refused    int // by the kernel or a full queue
	duplicates int
	overtaken  int
	latency    histogram
	lag        histogram
	wrong      int // at any time
}

func (l *loop) now() time.Duration { return time.Since(l.started) }

// watch adds the sockets of all flows to the poller.
func (l *loop) watch() (err error) {
	if l.poller, err = epoll.New(); err != nil {
		return err
	}
	bytes := 2048
	if l.coalesce {
		bytes = 64 << 10
	}
	l.receiver, l.sender = datagram.NewReceiver(32, bytes), datagram.NewSender(mostBurst)
	l.pattern, l.started = newPattern(), time.Now()
	for _, f := range l.flows {
		for _, e := range []*endpoint{f.from, f.to} {
			if e.fd >= epoll.MaxFD {
				return errors.New("too many sockets")
			}
			l.endpoints[e.fd] = e
			if err := l.poller.Add(e.fd, false); err != nil {
				return err
			}
			if l.coalesce && e.wire == nil {
				if err := datagram.Coalesce(e.fd); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// run sends at a rate until a time, and receives meanwhile.
func (l *loop) run(rate float64, until time.Duration) error {
	gap := time.Duration(float64(time.Second) * float64(l.burst) / rate)
	for {
		now := l.now()
		if now >= until {
			return nil
		}
		for ; l.due <= now && now < until; now = l.now() {
			if l.measuring {
				l.lag.add(now - l.due)
			}
			if err := l.send(l.flows[l.turn], l.due); err != nil {
				return err
			}
			l.turn = (l.turn + 1) % len(l.flows)
			l.due += gap
			if now-l.due > most {
				l.due = now // it cannot keep up: packets that it skips do not count
			}
			if err := l.look(0); err != nil {
				return err
			}
		}
		pause := time.Duration(0)
		if !l.spin {
			pause = max(0, min(l.due, until)-l.now())
		}
		if err := l.look(pause); err != nil {
			return err
		}
	}
}

// most is how late sending may be before packets are skipped.
const most = 50 * time.Millisecond

// send sends the next packets of a flow.
func (l *loop) send(f *flow, due time.Duration) error {
	n, prefix := l.burst, len(f.from.prefix)
	if l.measuring {
		l.sent += n
	}
	if w := f.from.wire; w != nil {
		return l.sendStream(f, w, due)
	}
	if l.coalesce {
		l.sender.Begin(nil)
	}
	for i := range n {
		slot := l.slots[i][:prefix+headBytes]
		copy(slot, f.from.prefix)
		putHead(slot[prefix:], f.id, f.sent, int64(due))
		if !l.coalesce {
			l.sender.Begin(nil)
		}
		l.sender.Append(slot)
		l.sender.Append(l.pattern.of(f.id, f.sent, l.size-headBytes))
		f.sent++
	}
	if l.coalesce {
		l.sender.Split(prefix + l.size)
	}
	refused, err := l.sender.Send(f.from.fd)
	if refused > 0 && l.measuring {
		if l.coalesce {
			refused = n
		}
		l.refused += refused
	}
	// A packet is lost if the kernel has no buffer for it. A peer that no longer exists is an
	// error.
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) {
		return nil
	}
	return err
}

func (l *loop) sendStream(f *flow, w *wire, due time.Duration) error {
	if w.full() {
		f.sent += uint32(l.burst) //nolint:gosec // G115: small
		if l.measuring {
			l.refused += l.burst
		}
		return w.flush()
	}
	for range l.burst {
		var head [headBytes]byte
		putHead(head[:], f.id, f.sent, int64(due))
		w.plain = append(append(append(w.plain, f.from.prefix...), head[:]...), l.pattern.of(f.id, f.sent, l.size-headBytes)...)
		f.sent++
	}
	return w.flush()
}

// look waits for packets and receives them.
func (l *loop) look(pause time.Duration) error {
	events, err := l.poller.WaitFor(pause)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := range events {
		if err := l.receive(l.endpoints[events[i].Fd]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) receive(e *endpoint) error {
	if e.wire != nil {
		now := l.now()
		err := e.wire.receive(func(message []byte) { l.take(e, message, now) })
		return errors.Join(err, e.wire.push())
	}
	for {
		n, err := l.receiver.Receive(e.fd, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		now := l.now()
		for i := range n {
			payload, segment := l.receiver.Payload(i)
			for len(payload) > segment {
				l.take(e, payload[:segment], now)
				payload = payload[segment:]
			}
			l.take(e, payload, now)
		}
		l.receiver.Release(n)
		if n < l.receiver.Len() {
			return nil
		}
	}
}

// take checks and counts a received message.
func (l *loop) take(e *endpoint, message []byte, now time.Duration) {
	f := e.flow
	payload, ok := unwrap(e.framing, message)
	if !ok || f == nil {
		l.wrong++
		return
	}
	sequence, due, ok := l.pattern.head(payload, f.id, l.size)
	if !ok || sequence >= f.sent {
		l.wrong++
		return
	}
	if l.measuring {
		l.arrived++
	}
	came := f.take(sequence)
	if time.Duration(due) < l.since {
		return
	}
	switch came {
	case duplicate:
		l.duplicates++
		return
	case overtaken:
		l.overtaken++
	default:
	}
	l.delivered++
	l.latency.add(now - time.Duration(due))
}
