package signaling_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
)

func TestCloseObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, signaling.Config{})
		server.deadPeer(t, "a")
		cause := errors.New("no time")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		start := time.Now()
		if err := server.Close(ctx); !errors.Is(err, cause) {
			t.Errorf("Close: %v, want the context's cause", err)
		}
		between(t, start, time.Second, time.Second)
		if s := server.Snapshot(); s.Connections != 0 || s.Rooms != 0 || s.Peers != 0 {
			t.Errorf("snapshot after Close = %+v", s)
		}
	})
}

// TestCloseUnderLoad closes the server while clients come, talk and go.
func TestCloseUnderLoad(t *testing.T) {
	server := serve(t, signaling.Config{Ping: signaling.DefaultPing})
	ctx := within(t)
	var running sync.WaitGroup
	for i := range 12 {
		running.Go(func() {
			for {
				c, err := server.call(ctx, "")
				if err != nil {
					return // the server refuses
				}
				for n := 0; err == nil && n < 20; n++ {
					if _, err = c.Join(ctx, fmt.Sprint("room-", i%3)); err == nil {
						_, _ = c.Send(ctx, "", n)
						err = c.Leave(ctx)
					}
				}
				_ = c.Close()
			}
		})
	}
	waitFor(t, "some traffic", func() bool { return server.Snapshot().Joined > 500 })
	var closing sync.WaitGroup
	for range 2 { // a second call waits, too
		closing.Go(func() { closeServer(t, server.Server) })
	}
	closing.Wait()
	running.Wait()
	if ctx.Err() != nil {
		t.Error("a client hung")
	}
	if s := server.Snapshot(); s.Connections != 0 || s.Rooms != 0 || s.Peers != 0 {
		t.Errorf("snapshot after Close = %+v", s)
	}
}
