package signaling

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// streamPair returns a stream and its client's end, over loopback.
func streamPair(t *testing.T, secure bool) (stream, net.Conn) {
	t.Helper()
	var config net.ListenConfig
	tcp, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	web := httptest.NewUnstartedServer(nil) // for its certificate
	web.StartTLS()
	defer web.Close()
	listener := tcp
	if secure {
		listener = tls.NewListener(NewListener(tcp), web.TLS)
	}
	accepted := make(chan net.Conn)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
		} else if c, ok := conn.(*tls.Conn); ok {
			if err := c.HandshakeContext(t.Context()); err != nil {
				t.Error(err)
			}
		}
		accepted <- conn
	}()
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if secure {
		c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		if err := c.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		client = c
	}
	conn := <-accepted
	if conn == nil {
		t.FailNow()
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = conn.Close()
	})
	s := newStream(conn)
	if _, ok := s.(*tlsStream); ok != secure {
		t.Fatalf("the stream is a %T", s)
	}
	if err := errors.Join(client.SetDeadline(time.Now().Add(time.Minute)), conn.SetDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	return s, client
}

// kinds are the streams that tests run with; true = TLS.
var kinds = map[string]bool{"TCP": false, "TLS": true} // whether it is secure

// readAll returns what the stream brings until it has size bytes or ends.
func readAll(s stream, size int) (data []byte, err error) {
	for len(data) < size {
		b, err := s.read()
		if err != nil {
			return data, err
		}
		data = append(data, b.Unread()...)
		b.Free()
	}
	return data, nil
}

func TestStreamReadsWhatTheClientSends(t *testing.T) {
	for name, secure := range kinds {
		t.Run(name, func(t *testing.T) {
			s, client := streamPair(t, secure)
			for _, size := range []int{1, 100, 16 << 10, 100_000} {
				want := bytes.Repeat([]byte("callbox "), size/8+1)[:size]
				go func() { _, _ = client.Write(want) }()
				got, err := readAll(s, size)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d of %d bytes, %v", len(got), size, err)
				}
			}
		})
	}
}

// TestEndThatComesWithData sends the last bytes and the end before anything is
// read.
func TestEndThatComesWithData(t *testing.T) {
	for name, secure := range kinds {
		t.Run(name, func(t *testing.T) {
			s, client := streamPair(t, secure)
			if _, err := client.Write([]byte("last words")); err != nil {
				t.Fatal(err)
			}
			if err := client.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(s, 1000)
			if string(got) != "last words" || !errors.Is(err, io.EOF) {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

// TestStreamThatTakesNoMore writes without waiting until the client, which does
// not read, blocks it; then it writes with waiting.
func TestStreamThatTakesNoMore(t *testing.T) {
	for name, secure := range kinds {
		t.Run(name, func(t *testing.T) {
			s, client := streamPair(t, secure)
			var sent bytes.Buffer
			fill := func() []byte {
				batch := batches.Get()
				*batch = append(*batch, strings.Repeat("x", sent.Len()%5000+3000)...)
				sent.Write(*batch)
				sealed, err := s.seal(batch)
				if err != nil {
					t.Fatal(err)
				}
				return *sealed
			}
			var left []byte
			for left == nil {
				p := fill()
				n, err := s.writeNow(p)
				if err != nil {
					t.Fatal(err)
				}
				if n < len(p) {
					left = p[n:]
				}
			}
			var writing sync.WaitGroup
			writing.Go(func() {
				if n, err := s.write(left); err != nil || n != len(left) {
					t.Errorf("wrote %d of %d, %v", n, len(left), err)
				}
				s.close()
			})
			got, err := io.ReadAll(client)
			writing.Wait()
			// Without an error: TLS, too, was told that this is the end.
			if err != nil || !bytes.Equal(got, sent.Bytes()) {
				t.Errorf("the client got %d of %d bytes, %v", len(got), sent.Len(), err)
			}
		})
	}
}

func TestCutEndsReading(t *testing.T) {
	for name, secure := range kinds {
		t.Run(name, func(t *testing.T) {
			s, _ := streamPair(t, secure)
			done := make(chan error, 1)
			go func() {
				_, err := s.read()
				done <- err
			}()
			s.abort()
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
			s.abort()
		})
	}
}

// TestTLSKeepsABoundedAmount has TLS send data of its own to a client that does
// not read.
func TestTLSKeepsABoundedAmount(t *testing.T) {
	s, _ := streamPair(t, true)
	below := s.(*tlsStream).below
	if s.pending() {
		t.Error("something is owed from the start")
	}
	n := 0
	for ; n < 1000; n++ {
		if _, err := below.Write(make([]byte, 1024)); err != nil {
			break
		}
	}
	if n != maxUnsent/1024 || !s.pending() {
		t.Errorf("%d KiB are kept", n)
	}
	if sealed := below.TakeHeld(); len(*sealed) != maxUnsent || s.pending() {
		t.Errorf("%d bytes were kept", len(*sealed))
	}
}

// TestHTTPOverNewListener requests a large body in both versions of HTTP.
func TestHTTPOverNewListener(t *testing.T) {
	body := strings.Repeat("callbox ", 1<<17)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete {
			t.Errorf("TLS = %+v", r.TLS)
		}
		_, _ = io.WriteString(w, body)
	}))
	web.Listener = NewListener(web.Listener)
	web.EnableHTTP2 = true
	web.Config.WriteTimeout = time.Minute
	web.Config.ReadTimeout = time.Minute
	web.StartTLS()
	defer web.Close()
	for major, protocols := range map[int][]string{1: {"http/1.1"}, 2: {"h2"}} {
		transport := web.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.NextProtos = protocols
		transport.ForceAttemptHTTP2 = major == 2
		client := http.Client{Transport: transport}
		response, err := client.Get(web.URL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(got) != body || response.ProtoMajor != major {
			t.Errorf("%s: %d bytes, %v, want HTTP/%d and %d", response.Proto, len(got), err, major, len(body))
		}
		transport.CloseIdleConnections()
	}
}
