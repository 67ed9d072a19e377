package signaling

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// readStatus reads a response and returns its status.
func readStatus(t *testing.T, in io.Reader) int {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(in), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestListenerLeavesTheRest sends requests that the listener must not answer, in
// one piece and in several.
func TestListenerLeavesTheRest(t *testing.T) {
	server := openServer(t, true)
	for text, status := range map[string]int{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                        404,
		opening("line", "GET /ws/ HTTP/1.1"):                       404,
		opening("line", "GET /wss HTTP/1.1"):                       404,
		opening("line", "GET http://example.org/ws HTTP/1.1"):      101,
		opening("line", "GET /ws HTTP/1.1\r\nX-A: a\r\n b"):        101,
		opening("Host", "a|b"):                                     400,
		opening("Host", ""):                                        400,
		opening("X-A", "\x01"):                                     400,
		opening("Connection", "Upgrade", "Origin", "null"):         403,
		opening("Host", "elsewhere.example"):                       101, // by who stands in front
		strings.ReplaceAll(opening(), "\r\n", "\n"):                101,
		opening("line", "GET /ws HTTP/1.1\r\nX-A : a"):             400,
		opening("X-Many", strings.Repeat("x|", 40)+"x"):            101,
		opening("X-Long", strings.Repeat("x", 20<<10)):             101,
		opening("Expect", "100-continue", "Content-Length", "0"):   101,
		strings.Repeat("GET /no HTTP/1.1\r\nHost: a\r\n\r\n", 100): 404,
	} {
		for _, piece := range []int{len(text), 20} {
			conn := server.connect(t)
			for rest := text; rest != ""; {
				n := min(piece, len(rest))
				_, _ = io.WriteString(conn, rest[:n])
				rest = rest[n:]
			}
			if got := readStatus(t, conn); got != status {
				t.Errorf("%.100q in pieces of %d: %d, want %d", text, piece, got, status)
			}
		}
	}
	if direct := server.direct.Load(); direct != 0 {
		t.Errorf("the listener has opened %d", direct)
	}
}

// TestListenerRefusesNobody checks that connections beyond the limit are refused
// by the http.Server.
func TestListenerRefusesNobody(t *testing.T) {
	server := openServer(t, true)
	server.addresses.connections = 2
	for _, want := range []int{101, 101, 429} {
		conn := server.connect(t)
		_, _ = io.WriteString(conn, opening())
		if got := readStatus(t, conn); got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
}

func TestListenerOutlivesAPanic(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // every connection is HTTP's
	}
	server := openServer(t, true)
	conn := server.connect(t)
	_, _ = io.WriteString(conn, opening("X-Panic", "yes"))
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is answered")
	}
	conn = server.connect(t)
	_, _ = io.WriteString(conn, opening())
	if got := readStatus(t, conn); got != http.StatusSwitchingProtocols {
		t.Errorf("status %d", got)
	}
}

// FuzzRequestHead compares what the listener and net/http accept as a request.
func FuzzRequestHead(f *testing.F) {
	verdict := netHTTPVerdict(f)
	f.Add([]byte(opening()))
	f.Add([]byte(opening("line", "GET /ws?a=%20 HTTP/1.1", "X-Forwarded-For", "192.0.2.1|192.0.2.2, 192.0.2.3") + "\x81\x80"))
	f.Add([]byte("GET /ws HTTP/1.1\r\nhost:a\r\nX_y:\t \r\n\r\n"))
	for _, host := range []string{"a b\"<>", "x@y", "\xff", "a|b", "[::1]:80", "A.example.:1", "%41"} {
		f.Add([]byte("GET /ws HTTP/1.1\r\nHost: " + host + "\r\n\r\n"))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		l := &fastListener{url: url.URL{Path: "/ws"}, header: make(http.Header)}
		size := l.parse(head)
		if size == 0 {
			return
		}
		rest := bytes.NewReader(head)
		in := bufio.NewReader(rest)
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("%q is no request: %v", head, err)
		}
		if used := len(head) - rest.Len() - in.Buffered(); used != size {
			t.Errorf("%q has %d bytes, not %d", head, used, size)
		}
		ours := &l.request
		if r.Method != ours.Method || r.Host != ours.Host || r.URL.Path != ours.URL.Path || r.RequestURI != ours.RequestURI ||
			r.Proto != ours.Proto || r.ContentLength != 0 || !reflect.DeepEqual(r.Header, ours.Header) {
			t.Errorf("%q is %+v, not %+v", head, r, ours)
		}
		if status := verdict(t, head[:size]); status != http.StatusOK {
			t.Errorf("net/http answers %q with %d", head, status)
		}
	})
}

// netHTTPVerdict returns a function that lets an http.Server of the standard
// library answer a request: 200 when it reaches a handler.
func netHTTPVerdict(f *testing.F) func(*testing.T, []byte) int {
	f.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	f.Cleanup(web.Close)
	return func(t *testing.T, head []byte) int {
		t.Helper()
		conn, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(head); err != nil {
			t.Fatal(err)
		}
		return readStatus(t, conn)
	}
}
