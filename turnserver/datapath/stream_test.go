package datapath_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"callbox/turnserver/datapath"
)

// streamParty is a client on a stream, and what was written to it.
type streamParty struct {
	stream  *datapath.Stream
	relay   *datapath.Relay
	relayed netip.AddrPort
	written chan []byte
}

func (s *server) streamParty(t *testing.T) *streamParty {
	t.Helper()
	p := &streamParty{stream: s.path.NewStream(), written: make(chan []byte, 1000)}
	conn := dial(t, "127.0.0.1:0")
	p.relayed = conn.addr
	var err error
	if p.relay, err = s.path.Open(p.stream, conn.UDPConn, datapath.RelayConfig{Relayed: p.relayed, Bound: p.relayed}); err != nil {
		t.Fatal(err)
	}
	if err := p.relay.Start(); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		p.stream.Run(func(b []byte) error {
			p.written <- bytes.Clone(b)
			return nil
		})
	})
	t.Cleanup(work.Wait)
	t.Cleanup(p.stream.Close)
	return p
}

// want expects these bytes next, in any number of pieces.
func (p *streamParty) want(t *testing.T, b []byte) {
	t.Helper()
	var got []byte
	for len(got) < len(b) {
		got = append(got, <-p.written...)
	}
	if !bytes.Equal(got, b) {
		t.Fatalf("got %d bytes %.40x, want %d bytes %.40x", len(got), got, len(b), b)
	}
}

func padded(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

func TestStream(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		a, b, peer := s.streamParty(t), s.party(t), dial(t, "127.0.0.1:0")
		other := s.streamParty(t)
		loopback := peer.addr.Addr()
		a.relay.Permit(loopback, true)
		b.relay.Permit(loopback, true)
		other.relay.Permit(loopback, true)
		bind(a.relay, 0x4000, peer.addr)
		bind(a.relay, 0x4001, b.relayed)
		bind(a.relay, 0x4002, other.relayed)
		bind(b.relay, 0x4001, a.relayed)
		bind(other.relay, 0x4003, a.relayed)
		at := addrPort(s.socket.LocalAddr())
		for i, size := range sizes() {
			p := pattern(size, i)
			if !a.stream.Receive(channelData(0x4000, p)) || !a.stream.Receive(channelData(0x4001, p)) || !a.stream.Receive(channelData(0x4002, p)) {
				t.Fatal("not taken for data")
			}
			a.stream.Flush()
			peer.want(t, p, a.relayed)
			b.want(t, channelData(0x4001, p), at)
			other.want(t, padded(channelData(0x4003, p)))
			peer.send(t, p, a.relayed)
			a.want(t, padded(channelData(0x4000, p)))
			b.say(t, s, channelData(0x4001, p))
			a.want(t, padded(channelData(0x4001, p)))
		}
		request := []byte{0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42, 15: 0, 19: 0}
		if a.stream.Receive(request) {
			t.Error("a request is taken for data")
		}
		if err := a.stream.Write(request); err != nil {
			t.Error(err)
		}
		a.want(t, request)
		a.stream.Close()
		if err := a.stream.Write(request); !errors.Is(err, net.ErrClosed) {
			t.Errorf("written after the end: %v", err)
		}
	})
}

// A client that reads nothing delays nobody.
func TestStalledStream(t *testing.T) {
	everywhere(t, func(t *testing.T, config datapath.Config) {
		t.Helper()
		s := start(t, config)
		stalled, a := s.path.NewStream(), s.party(t) // nobody runs it
		conn := dial(t, "127.0.0.1:0")
		at := conn.addr
		r, err := s.path.Open(stalled, conn.UDPConn, datapath.RelayConfig{Relayed: at, Bound: at})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		r.Permit(a.relayed.Addr(), true)
		a.relay.Permit(at.Addr(), true)
		bind(a.relay, 0x4000, at)
		peer := dial(t, "127.0.0.1:0")
		for range 10 {
			a.say(t, s, channelData(0x4000, pattern(60000, 0)))
		}
		a.say(t, s, sendIndication(peer.addr, []byte("others go on")))
		peer.want(t, []byte("others go on"), a.relayed)
		s.wantDrops(t, map[datapath.Drop]uint64{datapath.ClientQueue: 6}) // 256 KiB hold four
	})
}

// What is written at once and what waits for Run is one stream, in order, and never written by
// two goroutines at a time.
func TestStreamWritesAtOnce(t *testing.T) {
	const senders, messages, length = 4, 500, 4
	const early = 64/length + 1 // the last is written in part
	stream := start(t, datapath.Config{}).path.NewStream()
	var written []byte
	var busy atomic.Bool
	var atOnce, waited atomic.Int64
	take := func(p []byte, counted *atomic.Int64) {
		if busy.Swap(true) {
			t.Error("two write at a time")
		}
		written = append(written, p...)
		runtime.Gosched()
		busy.Store(false)
		counted.Add(int64(len(p)))
	}
	stream.WriteAtOnce(func(p []byte) (int, bool) {
		part := len(p) * (4 - len(written)/64%5) / 4 // all of it, a part, or nothing
		p = p[:part]
		take(p, &atOnce)
		return len(p), part%3 == 0
	})
	say := func(sender byte, from, to int) {
		for i := from; i < to; i++ {
			if err := stream.Write([]byte{sender, byte(i >> 8), byte(i), 0}); err != nil {
				t.Error(err)
			}
		}
	}
	// Before Run, so that both ways of writing are taken in each run of the test.
	for sender := range byte(senders) {
		say(sender, 0, early)
	}
	var work sync.WaitGroup
	work.Go(func() {
		stream.Run(func(p []byte) error {
			take(p, &waited)
			return nil
		})
	})
	for sender := range byte(senders) {
		work.Go(func() { say(sender, early, messages) })
	}
	eventually(t, "all is written", func() bool { return atOnce.Load()+waited.Load() == senders*messages*length })
	stream.Close()
	work.Wait()
	if atOnce.Load() == 0 || waited.Load() == 0 {
		t.Errorf("%d bytes were written at once, %d were not", atOnce.Load(), waited.Load())
	}
	var next [senders]int
	for message := range slices.Chunk(written, length) {
		sender, i := message[0], int(message[1])<<8|int(message[2])
		if i != next[sender] {
			t.Fatalf("sender %d: message %d comes after %d", sender, i, next[sender]-1)
		}
		next[sender]++
	}
}
