package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"callbox/e2e/netlab"
)

// TestWithoutWebSocket puts one page behind a proxy that refuses WebSocket. The page
// makes a call over Server-Sent Events. When WebSocket works again, its session
// moves there, and the call goes on undisturbed.
func TestWithoutWebSocket(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	proxy := startProxy(t, sharedLab(t).A, s, "")
	through := &server{process: s.process, url: proxy.url, ca: s.ca, ready: s.ready, client: s.client}
	ann := openAt(t, side{"chromium", "a"}, through, "narrow", url.Values{"lang": {"en"}})
	bo := openAt(t, side{"chromium", "b"}, s, "narrow", url.Values{"lang": {"en"}})
	ann.enterName("Ann").join()
	ann.awaitScreen("waiting")
	bo.enterName("Bo").join()
	seeEachOther(t, ann, bo)
	before := ann.signaling()
	if before.Transport != "sse" || before.Lost < 2 {
		t.Errorf("Ann's page is connected over %+v, want Server-Sent Events after two failed attempts", before)
	}
	if by := bo.signaling().Transport; by != "websocket" {
		t.Errorf("Bo's page is connected over %q", by)
	}
	testScreen(bo, ann) // this negotiates in both directions

	ann.keepPC()
	proxy.websocket.Store(true)
	proxy.events.Store(false)
	proxy.cut()
	ann.until(`callbox.signaling.phase === "up" && callbox.signaling.transport === "websocket"`)
	ann.until(samePC)
	if now := ann.signaling(); now.Peer != before.Peer || now.Resumed != before.Resumed+1 {
		t.Errorf("Ann's session is %+v, was %+v", now, before)
	}
	testScreen(bo, ann)

	// And back to Server-Sent Events.
	proxy.websocket.Store(false)
	proxy.events.Store(true)
	proxy.cut()
	ann.until(`callbox.signaling.phase === "up" && callbox.signaling.transport === "sse"`)
	ann.until(samePC)
	testScreen(ann, bo)

	ann.reload()
	ann.join()
	seeEachOther(t, ann, bo)
	leaveAll(t, s, ann, bo)
}

// refused makes every WebSocket of a page fail, as if a proxy refused it.
const refused = `window.WebSocket = class {
	constructor() { setTimeout(() => this.onclose?.({code: 1006}), 5); }
	send() {}
	close() {}
}`

// TestWithoutWebSocketFirefox does the same in Firefox. It does not use a proxy: on a
// page at a loopback address, Firefox finds no path to the other peer.
func TestWithoutWebSocketFirefox(t *testing.T) {
	s := sharedServer(t)
	connectClients(t)
	ann := open(t, sharedBrowser(t, "firefox", "a"), s, "narrow-fox", nil, cameraOf("a").script(), refused)
	bo := openAt(t, side{"chromium", "b"}, s, "narrow-fox", nil)
	ann.join()
	ann.awaitScreen("waiting")
	bo.join()
	seeEachOther(t, ann, bo)
	if by := ann.signaling(); by.Transport != "sse" || by.Lost != 2 {
		t.Errorf("Ann's page is connected over %+v, want Server-Sent Events after two failed attempts", by)
	}
	testScreen(bo, ann)
	ann.reload()
	ann.join()
	seeEachOther(t, ann, bo)
	leaveAll(t, s, ann, bo)
}

// proxy forwards plain HTTP from a loopback address of its namespace to the server.
type proxy struct {
	*httptest.Server
	url               string
	websocket, events atomic.Bool // what it forwards
	// page answers requests that are not forwarded, and reports whether it has.
	page atomic.Value // func(http.ResponseWriter, *http.Request) bool

	mu    sync.Mutex
	ended chan struct{} // closed to end all current connections
}

// cut ends all current connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.ended)
	p.ended = make(chan struct{})
}

func (p *proxy) forward(w http.ResponseWriter, r *http.Request, to http.Handler) {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(r.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel()
	to.ServeHTTP(w, r.WithContext(ctx))
}

// startProxy starts a proxy that strips the prefix strip from paths.
func startProxy(t *testing.T, n *netlab.Namespace, s *server, strip string) *proxy {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(s.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{DialContext: n.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	to := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the host in the page's origin
	}}
	p := &proxy{ended: make(chan struct{})}
	p.events.Store(true)
	p.Server = httptest.NewUnstartedServer(http.StripPrefix(strip, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := p.page.Load().(func(http.ResponseWriter, *http.Request) bool); ok && answer(w, r) {
			return
		}
		upgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
		if upgrade && !p.websocket.Load() || strings.HasSuffix(r.URL.Path, "/events") && !p.events.Load() {
			http.Error(w, "refused", http.StatusBadGateway)
			return
		}
		p.forward(w, r, to)
	})))
	var listener net.Listener
	err = n.Do(func() error {
		var err error
		listener, err = net.Listen("tcp4", "127.0.0.1:0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	p.Listener = listener
	p.Start()
	p.url = p.URL
	t.Cleanup(func() {
		p.cut()
		p.CloseClientConnections()
		p.Close()
		transport.CloseIdleConnections()
	})
	return p
}
