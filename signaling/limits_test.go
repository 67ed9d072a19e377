package signaling_test

import (
	"errors"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

func TestFrameRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, defaultConfig())
		c, _ := server.join(t, "", "a")
		for range 199 { // the join was the first of the burst of 200
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		fault, ok := errors.AsType[protocol.Error](c.Ping(t.Context()))
		if !ok || fault.Code != protocol.CodeRateLimited || !fault.Retry || fault.After <= 0 || fault.After > 0.02 {
			t.Fatalf("ping 200: %+v, want rate_limited for about 10 ms", fault)
		}
		timePasses(fault.After.Duration())
		if err := c.Ping(t.Context()); err != nil {
			t.Errorf("after what the error said: %v", err)
		}
		timePasses(time.Second)
		for i := range 100 {
			if err := c.Ping(t.Context()); err != nil {
				t.Fatalf("ping %d of the next second: %v", i, err)
			}
		}
		if err := c.Ping(t.Context()); code(err) != protocol.CodeRateLimited {
			t.Errorf("one more: %v, want rate_limited", err)
		}
		timePasses(time.Minute)
		other, _ := server.join(t, "", "a") // each connection has its own
		if err := other.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestWebSocketPingsCountAsFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, defaultConfig())
		c := server.raw(t)
		pongs := 0
		c.SetPongHandler(func(string) error { pongs++; return nil })
		done := make(chan struct{})
		go func() {
			defer close(done)
			expect[protocol.Pong](c)
		}()
		for range 500 {
			if err := c.WriteMessage(9, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		timePasses(time.Second)
		c.send(`{"type":"ping"}`)
		<-done
		if pongs != 200 {
			t.Errorf("%d pongs to 500 pings at once, want 200", pongs)
		}
	})
}

// from makes requests come from addresses that the test chooses.
func from(addr *atomic.Pointer[netip.Addr]) func(*http.Request) netip.Addr {
	return func(*http.Request) netip.Addr { return *addr.Load() }
}

func TestJoinRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var addr atomic.Pointer[netip.Addr]
		set := func(text string) {
			a := netip.MustParseAddr(text)
			addr.Store(&a)
		}
		config := defaultConfig()
		config.Limits.FramesPerSecond = 0
		config.ClientAddr = from(&addr)
		server := serveMemory(t, config)

		set("2001:db8::1")
		c := server.dial(t, "")
		joinLeave := func() error {
			if _, err := c.Join(t.Context(), "a"); err != nil {
				return err
			}
			return c.Leave(t.Context())
		}
		for i := range 200 {
			if err := joinLeave(); err != nil {
				t.Fatalf("join %d: %v", i, err)
			}
		}
		fault, ok := errors.AsType[protocol.Error](joinLeave())
		if !ok || fault.Code != protocol.CodeRateLimited || !fault.Retry || fault.After <= 0 || fault.After > 0.1 {
			t.Fatalf("join 200: %+v, want rate_limited for about 50 ms", fault)
		}
		set("2001:db8::ffff:1") // the same /64
		if _, err := server.dial(t, "").Join(t.Context(), "a"); code(err) != protocol.CodeRateLimited {
			t.Errorf("from the same /64: %v, want rate_limited", err)
		}
		set("2001:db8:0:1::1")
		server.join(t, "", "b")
		timePasses(fault.After.Duration())
		if err := joinLeave(); err != nil {
			t.Errorf("after what the error said: %v", err)
		}
	})
}

func TestConnectionsOfAnAddress(t *testing.T) {
	var addr atomic.Pointer[netip.Addr]
	here := netip.MustParseAddr("192.0.2.1")
	addr.Store(&here)
	config := defaultConfig()
	config.Limits.Connections = 3
	config.ClientAddr = from(&addr)
	server := serve(t, config)
	var clients []*caller
	for range 3 {
		clients = append(clients, server.dial(t, ""))
	}
	_, err := server.call(within(t), "")
	refused, ok := errors.AsType[*handshakeError](err)
	if !ok || refused.Status != http.StatusTooManyRequests || refused.Code != "rate_limited" {
		t.Errorf("fourth connection: %v, want status 429", err)
	}
	there := netip.MustParseAddr("192.0.2.2")
	addr.Store(&there)
	server.dial(t, "")
	addr.Store(&here)
	_ = clients[0].Close()
	waitFor(t, "the connection to be forgotten", func() bool { return server.Snapshot().Connections == 3 })
	server.dial(t, "")
}

func TestLimitsAreOffAtZero(t *testing.T) {
	server := serve(t, signaling.Config{})
	c, _ := server.join(t, "", "a-name-that-is-much-longer-than-the-sixty-four-code-points-that-are-the-default")
	for range 1000 {
		if err := c.Ping(within(t)); err != nil {
			t.Fatal(err)
		}
	}
}
