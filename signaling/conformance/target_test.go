package conformance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"callbox/signaling"
)

var (
	urlFlag      = flag.String("url", "", "the server to check; default: callbox's own, on loopback")
	insecureFlag = flag.Bool("insecure", false, "accept any TLS certificate")
	tokenFlag    = flag.String("token", "", "join token, valid for every room")
	prefixFlag   = flag.String("room-prefix", "conformance-", "the beginning of the names of the suite's rooms")
	patienceFlag = flag.Duration("patience", 30*time.Second, "how long to wait for what should happen soon")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most tests wait for the server's clock, not for the processor.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = flag.Set("test.parallel", "20")
	}
	m.Run()
}

// target is a server to check.
type target struct {
	base  *url.URL          // of its HTTP side, without a path at its end
	token string            // for every join
	own   *signaling.Server // nil: somebody else's server
	web   *httptest.Server  // where the own one is served
	http  *http.Client
}

// ownConfig returns settings under which no client is idle for too long, even on
// a busy machine. Three seats show more than two.
func ownConfig() signaling.Config {
	limits := signaling.DefaultLimits()
	limits.JoinWithin = time.Minute
	return signaling.Config{Capacity: 3, Ping: 15 * time.Second, Grace: time.Minute, Limits: limits}
}

// streamConfig returns settings with which the server soon notices a broken
// stream.
func streamConfig() signaling.Config {
	config := ownConfig()
	config.Ping = 2 * time.Second
	return config
}

// briskConfig returns settings for scenes that wait for the server's clock.
func briskConfig() signaling.Config {
	config := streamConfig()
	config.Grace, config.Limits.JoinWithin = 6*time.Second, 6*time.Second
	return config
}

// newTarget returns the server that -url names, or a fresh one of our own.
func newTarget(t *testing.T) *target {
	t.Helper()
	if *urlFlag == "" {
		return serve(t, ownConfig())
	}
	text := *urlFlag
	if rest, ok := strings.CutPrefix(text, "ws"); ok {
		text = "http" + rest
	}
	base, err := url.Parse(text)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		t.Fatalf("-url %q: not of the form wss://host/ws (%v)", *urlFlag, err)
	}
	base.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/ws")
	return &target{base: base, token: *tokenFlag, http: newHTTP(t)}
}

// serve runs callbox's own server until the test's end.
func serve(t *testing.T, config signaling.Config) *target {
	t.Helper()
	server, err := signaling.New(config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws", server.WebSocketHandler())
	mux.Handle("/api/", server.APIHandler())
	web := httptest.NewServer(mux)
	base, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	at := &target{base: base, own: server, web: web, http: newHTTP(t)}
	t.Cleanup(func() { at.close(t) })
	return at
}

// close ends our own server in an orderly way.
func (at *target) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), *patienceFlag)
	defer cancel()
	if err := at.own.Close(ctx); err != nil {
		t.Errorf("the server does not end: %v", err)
	}
	at.web.CloseClientConnections()
	at.web.Close()
}

func newHTTP(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: tlsConfig(), MaxIdleConnsPerHost: 4, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func tlsConfig() *tls.Config { return &tls.Config{InsecureSkipVerify: *insecureFlag} }

// api returns the address of a path of the HTTP side.
func (at *target) api(path string) string { return at.base.String() + path }

// scene is one test: its rule, which its failures name, and its room.
type scene struct {
	*testing.T
	at   *target
	rule string
	room string
	via  string // viaSocket or viaStream: how peers connect
}

// The transports.
const (
	viaSocket = "websocket"
	viaStream = "events"
)

// scenes runs the scenes of one rule against one server.
type scenes struct {
	t    *testing.T
	rule string
	at   *target
	// The same, or our own ones with a faster clock.
	streams, brisk *target
}

func newScenes(t *testing.T, rule string) *scenes {
	t.Helper()
	t.Parallel()
	ss := &scenes{t: t, at: newTarget(t), rule: rule}
	ss.streams, ss.brisk = ss.at, ss.at
	if ss.at.own != nil {
		ss.streams, ss.brisk = serve(t, streamConfig()), serve(t, briskConfig())
	}
	return ss
}

// clock runs a scene that waits for the server's clock.
func (ss *scenes) clock(name string, act func(s *scene)) {
	ss.t.Run(name, func(t *testing.T) { ss.run(t, ss.brisk, name, viaSocket, act) })
}

// bothClock runs such a scene once with each transport.
func (ss *scenes) bothClock(name string, act func(s *scene)) {
	ss.t.Run(name, func(t *testing.T) {
		t.Parallel()
		for _, via := range []string{viaSocket, viaStream} {
			t.Run(via, func(t *testing.T) { ss.run(t, ss.brisk, name, via, act) })
		}
	})
}

// play runs a scene whose peers connect by WebSocket.
func (ss *scenes) play(name string, act func(s *scene)) {
	ss.t.Run(name, func(t *testing.T) { ss.run(t, ss.at, name, viaSocket, act) })
}

// both runs a scene once with each transport. The server notices by its clock
// that a stream broke.
func (ss *scenes) both(name string, act func(s *scene)) {
	ss.t.Run(name, func(t *testing.T) {
		t.Parallel()
		t.Run(viaSocket, func(t *testing.T) { ss.run(t, ss.at, name, viaSocket, act) })
		t.Run(viaStream, func(t *testing.T) { ss.run(t, ss.streams, name, viaStream, act) })
	})
}

func (ss *scenes) run(t *testing.T, at *target, name, via string, act func(s *scene)) {
	t.Helper()
	t.Parallel()
	s := &scene{T: t, at: at, rule: ss.rule, via: via}
	s.room = s.newRoom(name)
	act(s)
}

// newRoom returns the short name of a room that nobody else uses.
func (s *scene) newRoom(about string) string {
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(about))
	return *prefixFlag + letters[:min(16, len(letters))] + "-" + strings.ToLower(rand.Text()[:12])
}

// failf ends the test, naming the rule.
func (s *scene) failf(format string, args ...any) {
	s.Helper()
	s.Fatalf("%s: %s", s.rule, fmt.Sprintf(format, args...))
}

// same fails unless got is want.
func same[T comparable](s *scene, what string, got, want T) {
	s.Helper()
	if got != want {
		s.failf("%s is %v, want %v", what, got, want)
	}
}

// needs skips the scene when a setting of this server makes it impossible. Our
// own server has none that does.
func (s *scene) needs(possible bool, why string) {
	s.Helper()
	switch {
	case possible:
	case s.at.own != nil:
		s.Fatalf("the suite's own server cannot play this: %s", why)
	default:
		s.Skip(why)
	}
}

// needsOwn skips what takes a server of our own: to restart it, or to set its limits.
func (s *scene) needsOwn() {
	s.Helper()
	if s.at.own == nil {
		s.Skip("this needs a server that the suite may restart and set; run it without -url")
	}
}
