package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"callbox/internal/rawio"
)

// pair returns a socket and its client's end, over loopback.
func pair(t *testing.T) (*rawio.Socket, net.Conn) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = conn.Close()
	})
	deadline := time.Now().Add(time.Minute)
	if err := errors.Join(client.SetDeadline(deadline), conn.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	s := rawio.NewSocket(conn)
	if s == nil {
		t.Fatal("a TCP connection is not a socket")
	}
	return s, client
}

func TestNoSocket(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	if rawio.NewSocket(near) != nil {
		t.Error("a pipe is a socket")
	}
	go func() { _, _ = far.Write([]byte("both")) }()
	b, err := rawio.ReadBuffer(near, nil)
	if err != nil || string(b.Unread()) != "b" {
		t.Fatalf("%v, %v", b, err)
	}
	if b, err = rawio.ReadBuffer(near, b); err != nil || string(b.Unread()) != "both" {
		t.Errorf("%q, %v", b.Unread(), err)
	}
	b.Free()
}

// TestReadBuffer reads into no buffer, behind what a buffer holds, and to the end.
func TestReadBuffer(t *testing.T) {
	s, client := pair(t)
	var b *rawio.Buffer
	for _, text := range []string{"first", "second"} {
		before := len(unread(b))
		if _, err := client.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for len(unread(b)) < before+len(text) {
			var err error
			if b, err = s.ReadBuffer(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = client.Close()
	same, err := s.ReadBuffer(b)
	if same != b || !errors.Is(err, io.EOF) || string(b.Unread()) != "firstsecond" {
		t.Errorf("%q, %v", unread(same), err)
	}
	b.Free()
	if b, err := s.ReadBuffer(nil); b != nil || !errors.Is(err, io.EOF) {
		t.Errorf("%v, %v", b, err)
	}
}

func unread(b *rawio.Buffer) []byte {
	if b == nil {
		return nil
	}
	return b.Unread()
}

func TestShutdownWakesTheReader(t *testing.T) {
	s, _ := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := s.ReadBuffer(nil)
		done <- err
	}()
	s.Shutdown()
	if err := <-done; err == nil {
		t.Error("something was read")
	}
	if _, err := s.TryWrite([]byte("more")); err == nil {
		t.Error("something was written")
	}
}

// TestHeldUntilSent has what TLS would write leave a RecordConn in order, by a client that
// reads nothing at first.
func TestHeldUntilSent(t *testing.T) {
	s, client := pair(t)
	const limit = 1 << 20
	pool := rawio.Pool{Size: 1 << 10, Max: 1 << 12}
	c := rawio.NewRecordConn(s, &pool, limit)
	if c.Pending() || c.TakeHeld() != nil {
		t.Error("something is held from the start")
	}
	var sent bytes.Buffer
	record := make([]byte, 1<<14)
	for more := false; !more; {
		c.Cork()
		record[0]++
		sent.Write(record)
		if _, err := c.Hold(record); err != nil {
			t.Fatal(err)
		}
		if c.Pending() {
			t.Error("the caller is going to send it")
		}
		more = c.TryFlush()
	}
	go func() {
		for held := c.TakeHeld(); held != nil; held = c.TakeHeld() {
			_, _ = s.Write(*held)
			pool.Put(held)
		}
		_ = s.Close()
	}()
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, sent.Bytes()) {
		t.Errorf("%d of %d bytes, %v", len(got), sent.Len(), err)
	}
	if _, err := c.Hold(make([]byte, limit)); err != nil || !c.Pending() {
		t.Error("the limit is not held", err)
	}
	if _, err := c.Hold([]byte{0}); err == nil {
		t.Error("more than the limit is held")
	}
}

// TestAllocations writes and reads without any.
func TestAllocations(t *testing.T) {
	s, client := pair(t)
	text := []byte("callbox")
	if n := testing.AllocsPerRun(100, func() {
		if n, err := s.TryWrite(text); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
		_, _ = client.Write(text)
		b, err := s.ReadBuffer(nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Free()
	}); n >= 1 && !raceEnabled {
		t.Errorf("%v allocations for each read and write", n)
	}
}
