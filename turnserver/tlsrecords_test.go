package turnserver

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"callbox/internal/rawio"
	"callbox/turnserver/datapath"
)

// socketPair returns both ends of a TCP connection on loopback.
func socketPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, server
}

// countedConn counts the writes that reach the socket.
type countedConn struct {
	net.Conn
	mu     sync.Mutex
	writes int
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *countedConn) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// secured returns both ends of TLS over a socket; below is the server's side of it.
func secured(t *testing.T, below net.Conn, clientSide net.Conn) (client, server *tls.Conn) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // for its certificate
	defer web.Close()
	client = tls.Client(clientSide, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	server = tls.Server(below, &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS13})
	var shaking sync.WaitGroup
	shaking.Go(func() { _ = client.Handshake() })
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	shaking.Wait()
	return client, server
}

// Each frame is a TLS record, and all records of one call are one write.
func TestRecordForEachFrame(t *testing.T) {
	near, far := socketPair(t)
	counted := &countedConn{Conn: far}
	below := newRecordConn(rawio.NewSocket(far))
	below.Conn = counted
	client, server := secured(t, below, near)
	s := newStream(server, newPath(t).NewStream(), streamTimeouts{write: writeTimeout})
	if !s.secure || s.below != below {
		t.Fatal("TLS or what is below it was not found")
	}
	var frames [][]byte
	for i := range 40 {
		frame := append([]byte{0x40, 0, 0, byte(4 * i)}, bytes.Repeat([]byte{byte(i)}, 4*i)...)
		frames = append(frames, frame)
	}
	before := counted.count()
	if err := s.writeRecords(slices.Concat(frames...)); err != nil {
		t.Fatal(err)
	}
	if got := counted.count() - before; got != 1 {
		t.Errorf("%d writes, want 1", got)
	}
	p := make([]byte, 1<<14)
	for i, want := range frames {
		n, err := client.Read(p) // at most one record
		if err != nil || !bytes.Equal(p[:n], want) {
			t.Fatalf("record %d: %d bytes, want %d, %v", i, n, len(want), err)
		}
	}
}

// Sending to a client over TLS never waits, even if the client does not read: only the goroutine
// of the stream waits.
func TestTLSNeverWaits(t *testing.T) {
	near, far := socketPair(t)
	if err := errors.Join(near.(*net.TCPConn).SetReadBuffer(1<<15), far.(*net.TCPConn).SetWriteBuffer(1<<15)); err != nil {
		t.Fatal(err)
	}
	client, server := secured(t, newRecordConn(rawio.NewSocket(far)), near)
	s := newStream(server, newPath(t).NewStream(), streamTimeouts{write: handshakeTimeout})
	frame := func(i uint32) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0x40, 0, 3, 0xe8}, i), make([]byte, 996)...)
	}
	send := func(i uint32) {
		if err := s.data.Write(frame(i)); err != nil {
			t.Error(err)
		}
	}
	record := make([]byte, 1<<14)
	want := func(i uint32) {
		t.Helper()
		if n, err := client.Read(record); err != nil || !bytes.Equal(record[:n], frame(i)) {
			t.Fatalf("frame %d: %d bytes, %v", i, n, err)
		}
	}
	const frames = 200 // more than the sockets hold, less than the queue
	for i := range uint32(frames) {
		send(i) // nobody reads, and nobody runs the stream
	}
	var running sync.WaitGroup
	running.Go(s.writeQueued)
	for i := range uint32(frames) {
		want(i)
	}
	for i := range uint32(frames) {
		send(i)
		want(i)
	}
	s.Close()
	running.Wait()
}

// What TLS writes by itself, such as the answer to a key update, is sent when it reads on. It is
// written under a lock that senders to the client need, too.
func TestTLSWritesByItself(t *testing.T) {
	near, far := socketPair(t)
	if err := near.SetDeadline(time.Now().Add(time.Minute)); err != nil { // the test's own
		t.Fatal(err)
	}
	client, server := secured(t, newRecordConn(rawio.NewSocket(far)), near)
	s := newStream(server, newPath(t).NewStream(), streamTimeouts{write: handshakeTimeout})
	var working sync.WaitGroup
	working.Go(s.writeQueued)
	working.Go(func() { _, _ = io.Copy(io.Discard, server) })
	defer working.Wait()
	defer s.Close()
	frame := append([]byte{0x40, 0, 3, 0xe8}, make([]byte, 1000)...)
	const frames = 100 // of each kind, which fit into every queue while nobody reads
	for range 20 {
		var sending sync.WaitGroup
		for _, write := range []func([]byte) error{
			s.data.Write,
			func(p []byte) error { _, err := server.Write(p); return err },
		} {
			sending.Go(func() {
				for range frames {
					if err := write(frame); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		sending.Wait()
		if _, err := server.Write(frame); err != nil { // what nobody else sends for
			t.Fatal(err)
		}
		if _, err := client.Write(frame); err != nil { // so that the server reads on
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, client, (2*frames+1)*int64(len(frame))); err != nil {
			t.Fatal(err)
		}
	}
}

// One goroutine reads while another collects records.
func TestBothWaysWhileGathering(t *testing.T) {
	near, far := socketPair(t)
	below := newRecordConn(rawio.NewSocket(far))
	client, server := secured(t, below, near)
	s := newStream(server, newPath(t).NewStream(), streamTimeouts{write: writeTimeout})
	frame := append([]byte{0x40, 0, 3, 0xe8}, make([]byte, 1000)...)
	const turns = 200
	var reading, writing sync.WaitGroup
	writing.Go(func() {
		for range turns {
			if err := s.writeRecords(bytes.Repeat(frame, 8)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	reading.Go(func() { _, _ = io.Copy(io.Discard, server) })
	writing.Go(func() {
		for range turns {
			if _, err := client.Write(frame); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if _, err := io.CopyN(io.Discard, client, int64(turns*8*len(frame))); err != nil {
		t.Error(err)
	}
	writing.Wait()
	near.Close()
	reading.Wait()
}

// On a socket many frames are read with one system call.
func TestStreamReadsSockets(t *testing.T) {
	client, server := socketPair(t)
	path, err := datapath.New(datapath.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close()
	s := newStream(server, path.NewStream(), streamTimeouts{first: handshakeTimeout, idle: handshakeTimeout, write: handshakeTimeout})
	var sent [][]byte
	sent = append(sent, binding())
	for i := range 500 {
		n := (i * 131) % 9000
		sent = append(sent, append([]byte{0x40, byte(i), byte(n >> 8), byte(n)}, bytes.Repeat([]byte{byte(i)}, n)...))
	}
	go func() {
		for _, frame := range sent {
			_, _ = client.Write(append(bytes.Clone(frame), make([]byte, -len(frame)&3)...))
		}
		client.Close()
	}()
	for i, want := range sent {
		got, err := s.nextFrame()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d: %d bytes, want %d, %v", i, len(got), len(want), err)
		}
	}
	if frame, err := s.nextFrame(); err == nil || frame != nil {
		t.Errorf("after the end: %v", err)
	}
	if s.frames.buffer != nil {
		t.Error("a buffer is kept")
	}
}
