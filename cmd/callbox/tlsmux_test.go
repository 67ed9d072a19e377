package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"

	"callbox/internal/accept"
	"callbox/turnserver"
)

// dialTLS connects to the https listener.
func (r *running) dialTLS(t *testing.T, protocols ...string) *tls.Conn {
	t.Helper()
	config := r.tls()
	config.NextProtos = protocols
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.ready.HTTPS, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*tls.Conn) //nolint:forcetypeassert // what a tls.Dialer makes
}

func TestPortOfHTTPSTakesTURN(t *testing.T) {
	t.Parallel()
	s := start(t)

	for _, protocols := range [][]string{nil, {"stun.turn"}, {"stun.nat-discovery"}, {"webrtc", "c-webrtc"}, {"c-webrtc", "unheard-of"}} {
		conn := s.dialTLS(t, protocols...)
		request := stun.MustBuild(stun.TransactionID, stun.BindingRequest)
		if _, err := conn.Write(request.Raw); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1500)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		response := &stun.Message{Raw: buf[:n]}
		if err := response.Decode(); err != nil || response.Type != stun.BindingSuccess || response.TransactionID != request.TransactionID {
			t.Errorf("answer to a Binding request of a client that offers %q: %v %v", protocols, response, err)
		}
	}

	if got := s.get(t, s.ready.HTTPS+"/"); got.status != http.StatusOK || got.proto != 2 {
		t.Errorf("page: status %d, HTTP/%d, want 200 over HTTP/2", got.status, got.proto)
	}
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		conn := s.dialTLS(t, protocols...)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(got.Body); err != nil || got.StatusCode != http.StatusOK || !strings.Contains(string(text), "callbox") {
			t.Errorf("page of a client that offers %q: %s %v", protocols, got.Status, err)
		}
		_ = got.Body.Close()
	}

	response1, err := http.Get("http://" + strings.TrimPrefix(s.ready.HTTPS, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer response1.Body.Close()
	if text, _ := io.ReadAll(response1.Body); response1.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "HTTPS server") {
		t.Errorf("plain HTTP at the port of HTTPS: %s %s", response1.Status, text)
	}
}

// Where TURN has no TLS port of its own, calls are relayed over the port of the page, and
// clients that negotiate no application protocol use the same port for signaling.
func TestCallOverThePortOfHTTPS(t *testing.T) {
	t.Parallel()
	s := start(t, "--turn-tcp", "", "--turn-tls", "")
	flags := []string{"--insecure", "--ice", "relay", "--turn-proto", "tls", "--duration", "2s", "--expect", "path=relay,intact=100%"}
	one := callPeer(t, s.ready.HTTPS, flags...)
	two := callPeer(t, s.ready.HTTPS, flags...)
	one().check(t, exitOK, "path=relay: met")
	two().check(t, exitOK, "path=relay: met")
}

func TestRequestKnowsItsTLS(t *testing.T) {
	t.Parallel()
	secured := replayConn{Conn: tls.Client(nil, &tls.Config{MinVersion: tls.VersionTLS12})}
	for _, tc := range []struct {
		conn net.Conn
		want bool
	}{{&secured, true}, {nil, false}} {
		request, err := http.NewRequestWithContext(rememberTLS(t.Context(), tc.conn), http.MethodGet, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		var got bool
		withTLSState(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.TLS != nil })).ServeHTTP(nil, request)
		if got != tc.want {
			t.Errorf("TLS %t, want %t", got, tc.want)
		}
	}
}

// The server waits for silent clients only for a limited time, and for a limited number.
func TestSilentClientsOfTheSharedPort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := newMuxListener(&net.TCPAddr{})
		m := newTLSMux(inner, &tls.Config{MinVersion: tls.VersionTLS12}, 2, accept.New(accept.Config{}), nil, slog.New(slog.DiscardHandler))
		ended := make(chan error)
		go func() { ended <- m.run() }()
		var clients []net.Conn
		for range 3 {
			near, far := net.Pipe()
			clients = append(clients, near)
			if !inner.offer(t.Context(), far) {
				t.Fatal("not accepted")
			}
			synctest.Wait()
		}
		begun := time.Now()
		for i := range clients { // the one too many first
			_, err := clients[len(clients)-1-i].Read(make([]byte, 1))
			if waited := time.Since(begun); err == nil || waited != min(time.Duration(i), 1)*muxTimeout {
				t.Errorf("client %d: %v after %v", i, err, waited)
			}
		}
		near, far := net.Pipe()
		if !inner.offer(t.Context(), far) {
			t.Fatal("not accepted")
		}
		synctest.Wait()
		_ = inner.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := near.Read(make([]byte, 1)); err == nil {
			t.Error("a client is left when all has ended")
		}
		if len(m.pending) != 0 {
			t.Errorf("pending %v", m.pending)
		}
	})
}

func TestOfferedEndpoints(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		https, tls string
		shared     bool
		want       string // of TURN over TLS
	}{
		{"beside pages", "0.0.0.0:8443", "0.0.0.0:5349", true, "0.0.0.0:5349"},
		{"at the standard port", "0.0.0.0:443", "0.0.0.0:5349", true, "0.0.0.0:443"},
		{"no port of its own", "0.0.0.0:8443", "", true, "0.0.0.0:8443"},
		{"no pages", "", "0.0.0.0:5349", false, "0.0.0.0:5349"},
	} {
		l := &listeners{shared: tc.shared}
		if tc.https != "" {
			l.https = listenerAt(tc.https)
		}
		if tc.tls != "" {
			l.turnTLS = []net.Listener{listenerAt(tc.tls)}
		}
		var got []string
		for _, endpoint := range l.offered() {
			if endpoint.protocol == turnserver.TLS {
				got = append(got, endpoint.addr.String())
			}
		}
		if !slices.Equal(got, []string{tc.want}) {
			t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
		}
	}
}

// After temporary errors a listener is used again.
func TestSharedPortOutlivesErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := &failingListener{muxListener: newMuxListener(&net.TCPAddr{}), failures: 3}
		m := newTLSMux(inner, &tls.Config{MinVersion: tls.VersionTLS12}, 0, accept.New(accept.Config{}), nil, slog.New(slog.DiscardHandler))
		ended := make(chan error)
		go func() { ended <- m.run() }()
		near, far := net.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if !inner.offer(ctx, far) {
			t.Error("nothing was accepted after errors")
		}
		_ = near.Close()
		_ = inner.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

type failingListener struct {
	*muxListener
	failures int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures--; l.failures >= 0 {
		return nil, &net.OpError{Op: "accept", Err: context.DeadlineExceeded}
	}
	return l.muxListener.Accept()
}
