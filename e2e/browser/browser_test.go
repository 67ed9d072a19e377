package browser_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callbox/e2e/browser"
	"callbox/e2e/need"
	"callbox/e2e/netlab"
)

// page makes a call to itself with camera and microphone, and shows what it receives.
const page = `<!doctype html><meta charset=utf-8><title>loop</title><video autoplay playsinline muted></video>
<script src="/extra.js"></script>
<script>
window.loop = async () => {
  const here = new RTCPeerConnection(), there = new RTCPeerConnection();
  here.onicecandidate = e => there.addIceCandidate(e.candidate);
  there.onicecandidate = e => here.addIceCandidate(e.candidate);
  const video = document.querySelector("video"), remote = new MediaStream();
  video.srcObject = remote;
  there.ontrack = e => remote.addTrack(e.track);
  const local = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  for (const track of local.getTracks()) here.addTrack(track, local);
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription);
  await new Promise(done => video.requestVideoFrameCallback(done));
  return {width: video.videoWidth, tracks: remote.getTracks().map(t => t.kind).sort(), state: here.connectionState};
};
</script>`

// authority makes a certificate authority, and a TLS configuration with a certificate
// that it has signed for the address.
func authority(t *testing.T, addr net.IP) (caFile string, config *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca.Subject.CommonName = "test authority"
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{addr},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	return caFile, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: key}}}
}

func serve(t *testing.T, listener net.Listener, config *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(page))
		case "/extra.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte("console.error('said on purpose');" + strings.Repeat(" ", 5000)))
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the tests want handshakes that fail
	server.StartTLS()
	t.Cleanup(server.Close)
	return "https://" + listener.Addr().String() + "/"
}

type starter func(context.Context, browser.Options) (browser.Browser, error)

func starters() map[string]starter {
	return map[string]starter{
		"chromium": func(ctx context.Context, o browser.Options) (browser.Browser, error) {
			return browser.StartChromium(ctx, o)
		},
		"firefox-esr": func(ctx context.Context, o browser.Options) (browser.Browser, error) {
			return browser.StartFirefox(ctx, o)
		},
	}
}

func open(t *testing.T, start starter, o browser.Options, preload ...string) browser.Page {
	t.Helper()
	b, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := b.Open(t.Context(), preload...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBrowser controls each browser in a namespace. A page makes a call to itself and
// shows the video. Its requests and errors are recorded.
func TestBrowser(t *testing.T) {
	need.Root(t)
	need.Program(t, "ip", "certutil")
	lab, err := netlab.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	var listener net.Listener
	err = lab.Server.Do(func() (err error) {
		listener, err = net.Listen("tcp4", lab.ServerAddr.String()+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ca, config := authority(t, lab.ServerAddr.AsSlice())
	url := serve(t, listener, config)
	for name, start := range starters() {
		t.Run(name, func(t *testing.T) {
			need.Program(t, name)
			p := open(t, start, browser.Options{Start: lab.A.Start, Dial: lab.A.DialContext, CA: ca}, "window.early = 41;")
			testPage(t, p, url)
		})
	}
}

func testPage(t *testing.T, p browser.Page, url string) {
	t.Helper()
	if err := p.Goto(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	var number int
	if err := p.Eval(t.Context(), "new Promise(r => setTimeout(() => r(early + 1)))", &number); err != nil || number != 42 {
		t.Errorf("the value from the preload script is %d, %v, want 42", number, err)
	}
	if err := p.Eval(t.Context(), "nowhere.to.be.found", nil); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("the error for an exception is %v", err)
	}
	var loop struct {
		Width  int
		Tracks []string
		State  string
	}
	if err := p.Eval(t.Context(), "loop()", &loop); err != nil {
		t.Fatal(err)
	}
	if loop.Width < 100 || !slices.Equal(loop.Tracks, []string{"audio", "video"}) || loop.State != "connected" {
		t.Errorf("the call to itself: %+v", loop)
	}
	if errs := p.Errors(); !slices.ContainsFunc(errs, func(s string) bool { return strings.Contains(s, "said on purpose") }) {
		t.Errorf("the errors %q lack that of the page", errs)
	}
	requests := map[string]int64{}
	for _, r := range p.Requests() {
		requests[r.URL] = r.Bytes
	}
	if requests[url] < int64(len(page)) || requests[url+"extra.js"] < 5000 {
		t.Errorf("requests %v, want %s and extra.js with their sizes", requests, url)
	}
	if png, err := p.Screenshot(t.Context()); err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("screenshot of %d bytes, %v", len(png), err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestUntrusted checks that a page does not load without the certificate authority.
func TestUntrusted(t *testing.T) {
	for name, start := range starters() {
		t.Run(name, func(t *testing.T) {
			need.Program(t, name)
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_, config := authority(t, net.IPv4(127, 0, 0, 1))
			url := serve(t, listener, config)
			p := open(t, start, browser.Options{})
			if err := p.Goto(t.Context(), url); err == nil {
				t.Error("a page with a certificate of an unknown authority was loaded")
			} else {
				t.Log(err)
			}
		})
	}
}

// TestGone checks that calls to a browser that has ended fail.
func TestGone(t *testing.T) {
	for name, start := range starters() {
		t.Run(name, func(t *testing.T) {
			need.Program(t, name)
			b, err := start(t.Context(), browser.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p, err := b.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if err := p.Eval(t.Context(), "1", nil); err == nil {
				t.Error("a browser that has ended still replies")
			}
		})
	}
}
