package signaling_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// TestCallOverTLS sends bursts over connections that can be written without
// blocking, as with NewListener, and over some that cannot.
func TestCallOverTLS(t *testing.T) {
	t.Run("over NewListener", func(t *testing.T) { callOverTLS(t, signaling.NewListener) })
	t.Run("over a plain listener", func(t *testing.T) {
		callOverTLS(t, func(l net.Listener) net.Listener { return l })
	})
}

func callOverTLS(t *testing.T, wrap func(net.Listener) net.Listener) {
	t.Helper()
	config := defaultConfig()
	config.Limits.FramesPerSecond = 0
	server, err := signaling.New(config)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(handler(server))
	web.Listener = wrap(web.Listener)
	web.StartTLS()
	t.Cleanup(func() {
		closeServer(t, server)
		web.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	dial := func(name string) (*caller, protocol.Joined) {
		t.Helper()
		c, err := dialCaller(within(t), &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots}}, web.URL, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		joined, err := c.Join(within(t), "a")
		if err != nil {
			t.Fatal(err)
		}
		return c, joined
	}
	ann, _ := dial("Ann")
	bo, joined := dial("Bo")
	receive[protocol.OtherJoined](t, ann)
	const count = 600
	data := strings.Repeat("x", 5000)
	go func() {
		for range count {
			_, _ = ann.Send(context.WithoutCancel(t.Context()), joined.Peer, data)
		}
	}()
	for i := range count {
		if e := receive[protocol.MessageEvent](t, bo); e.Seq != uint64(i+1) || len(e.Data) != len(data)+2 {
			t.Fatalf("message %d has seq %d and %d bytes", i, e.Seq, len(e.Data))
		}
	}
	if err := ann.Close(); err != nil {
		t.Error(err)
	}
	if e := receive[protocol.Bye](t, bo); e.Reason != protocol.ReasonTimeout {
		t.Errorf("bye = %+v", e)
	}
	if _, err := dialCaller(within(t), websocket.DefaultDialer, web.URL, ""); err == nil {
		t.Error("a certificate of nobody's is accepted")
	}
}
