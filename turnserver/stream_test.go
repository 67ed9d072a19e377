package turnserver

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"

	"callbox/internal/rawio"
	"callbox/turnserver/datapath"
)

// newPath returns a path without goroutines, which need not be closed.
func newPath(tb testing.TB) *datapath.Path {
	tb.Helper()
	path, err := datapath.New(datapath.Config{Portable: true})
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func pipeStream(t *testing.T) (client net.Conn, s *stream) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, newStream(server, newPath(t).NewStream(), streamTimeouts{first: firstMessageTimeout, idle: idleTimeout, write: writeTimeout})
}

func binding() []byte { return stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw }

func TestStreamFrames(t *testing.T) {
	client, s := pipeStream(t)
	first, last := binding(), binding()
	small := []byte{0x40, 0, 0, 1, 'x'}
	empty := []byte{0x40, 1, 0, 0}
	large := append([]byte{0x40, 2, 0xff, 0xfe}, make([]byte, 0xfffe+2)...)
	go func() {
		all := bytes.Join([][]byte{first, append(bytes.Clone(small), 0, 0, 0), empty, large, last}, nil)
		for len(all) > 0 { // in pieces that respect no frame
			n := min(len(all), 13)
			if _, err := client.Write(all[:n]); err != nil {
				return
			}
			all = all[n:]
		}
	}()
	for _, want := range [][]byte{first, small, empty, large[:len(large)-2], last} {
		got, err := s.nextFrame()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
}

// ledger is a memory budget with one client.
type ledger struct {
	mu         sync.Mutex
	left, held int
}

func (l *ledger) Take(_ netip.Addr, n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n > l.left {
		return false
	}
	l.left, l.held = l.left-n, l.held+n
	return true
}

func (l *ledger) Give(_ netip.Addr, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left, l.held = l.left+n, l.held-n
}

func (l *ledger) holds(t *testing.T, want int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != want {
		t.Errorf("%d bytes are taken, want %d", l.held, want)
	}
}

// A message that is announced but not sent holds only as much as has come of it, and a long one only if
// there is memory for it.
func TestStreamUnfinishedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, s := pipeStream(t)
		memory := &ledger{left: largeBuffer}
		s.chargeTo(memory, netip.Addr{})
		frames := make(chan []byte, 2)
		go func() {
			defer close(frames)
			for {
				frame, err := s.nextFrame()
				if err != nil {
					return
				}
				frames <- frame
			}
		}()
		long := append([]byte{0x40, 2, 0xff, 0xfc}, make([]byte, 0xfffc)...)
		for _, part := range [][]byte{binding(), long[:9]} {
			if _, err := client.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := len(s.frames.buffer.Bytes); got != rawio.BufferSize {
			t.Errorf("9 bytes are held in %d, want %d", got, rawio.BufferSize)
		}
		memory.holds(t, 0)
		if _, err := client.Write(long[9 : rawio.BufferSize+1]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		memory.holds(t, largeBuffer)
		if _, err := client.Write(long[rawio.BufferSize+1:]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if <-frames; len(<-frames) != len(long) {
			t.Error("the long frame is not what was sent")
		}
		memory.holds(t, 0)
		memory.Take(netip.Addr{}, 1)
		if _, err := client.Write(long); err == nil {
			t.Error("a long frame was read that there is no memory for")
		}
		<-frames
		memory.holds(t, 1)
	})
}

// A frame is passed on as soon as its last byte has come, however short it is.
func TestStreamShortFrameDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, s := pipeStream(t)
		go func() {
			_, _ = client.Write(binding())
			_, _ = client.Write([]byte{0x40, 0, 0, 4, 'p', 'i', 'n', 'g'})
		}()
		began := time.Now()
		for range 2 {
			if _, err := s.nextFrame(); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestStreamEndsOnGarbage(t *testing.T) {
	odd := binding()
	odd[3] = 1
	for name, data := range map[string][]byte{
		"http":                    []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"tls":                     {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"channel data at first":   append([]byte{0x40, 0, 0, 16}, make([]byte, 16)...),
		"odd length":              append(odd, 0),
		"no cookie":               make([]byte, 20),
		"garbage after a message": append(binding(), 0xff, 0xff, 0xff, 0xff),
	} {
		client, s := pipeStream(t)
		go func() { _, _ = client.Write(data) }()
		_, err := s.nextFrame()
		for err == nil {
			_, err = s.nextFrame()
		}
		if !errors.Is(err, errFraming) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection is still open (%v)", name, err)
		}
	}
}

func TestStreamTimeouts(t *testing.T) {
	wantEnd := func(t *testing.T, s *stream, after time.Duration) {
		t.Helper()
		began := time.Now()
		if _, err := s.nextFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited != after {
			t.Errorf("ended after %s, want %s", waited, after)
		}
	}
	say := func(t *testing.T, client net.Conn, s *stream) {
		t.Helper()
		go func() { _, _ = client.Write(binding()) }()
		if _, err := s.nextFrame(); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, f func(t *testing.T, client net.Conn, s *stream)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, s := pipeStream(t)
				f(t, client, s)
			})
		})
	}
	run("nothing is said", func(t *testing.T, _ net.Conn, s *stream) {
		t.Helper()
		wantEnd(t, s, firstMessageTimeout)
	})
	run("the first message comes byte by byte", func(t *testing.T, client net.Conn, s *stream) {
		t.Helper()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, b := range binding() {
				if _, err := client.Write([]byte{b}); err != nil {
					return
				}
				<-time.After(3 * time.Second)
			}
		}()
		wantEnd(t, s, firstMessageTimeout)
		<-done
	})
	run("no allocation is made", func(t *testing.T, client net.Conn, s *stream) {
		t.Helper()
		say(t, client, s)
		wantEnd(t, s, idleTimeout)
	})
	run("it only asks for its address", func(t *testing.T, client net.Conn, s *stream) {
		t.Helper()
		done := make(chan struct{})
		defer func() { <-done }()
		go func() {
			defer close(done)
			for {
				if _, err := client.Write(binding()); err != nil {
					return
				}
				<-time.After(idleTimeout - time.Second)
			}
		}()
		began := time.Now()
		var err error
		for err == nil {
			_, err = s.nextFrame()
		}
		if waited := time.Since(began); waited != 2*idleTimeout || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ended after %s with %v, want %s", waited, err, 2*idleTimeout)
		}
	})
	run("the allocation ends", func(t *testing.T, client net.Conn, s *stream) {
		t.Helper()
		say(t, client, s)
		s.setLive(true)
		go func() {
			<-time.After(time.Hour)
			s.setLive(false)
		}()
		wantEnd(t, s, time.Hour+idleTimeout)
	})
}

func TestStreamStalledClientIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, s := pipeStream(t)
		began := time.Now()
		if err := s.WriteTo([]byte("nobody reads this"), netip.AddrPort{}, netip.Addr{}); err != nil {
			t.Error(err)
		}
		s.writeQueued()
		if err := s.WriteTo([]byte("nor this"), netip.AddrPort{}, netip.Addr{}); err == nil {
			t.Error("written")
		}
		if waited := time.Since(began); waited != writeTimeout {
			t.Errorf("waited %s, want %s", waited, writeTimeout)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the connection is still open (%v)", err)
		}
	})
}
