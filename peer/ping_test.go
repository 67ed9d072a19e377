package peer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"callbox/peer"
	"callbox/peer/ctl"
)

func TestPing(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a := join(t, s.bot(t, "Ann"))
	if _, err := a.Ping(t.Context()); !errors.Is(err, peer.ErrNotConnected) {
		t.Errorf("before the call: %v", err)
	}
	b := join(t, s.bot(t, "Bo"))
	for _, call := range []*peer.Call{a, b} {
		await(t, "connection", call.Connected())
	}
	var wait sync.WaitGroup
	for _, call := range []*peer.Call{a, b, b} {
		wait.Go(func() {
			for range 2 {
				if took, err := call.Ping(t.Context()); err != nil || took <= 0 || took > patience {
					t.Errorf("%v, %v", took, err)
				}
			}
		})
	}
	wait.Wait()
	a.Hangup()
	a.Wait()
	if _, err := a.Ping(t.Context()); !errors.Is(err, peer.ErrCallEnded) {
		t.Errorf("after the call: %v", err)
	}
}

// Pings are at least a second apart, whoever asks, and a pong belongs to its ping.
func TestPingRate(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	results := make(chan error)
	go func() {
		for range 3 {
			_, err := bot.Ping(t.Context())
			results <- err
		}
	}()
	var last time.Time
	for answers, round := 0, 0; round < 3; {
		select {
		case err := <-results:
			if round++; err != nil || round > answers {
				t.Errorf("round trip %d after %d pongs: %v", round, answers, err)
			}
		case text := <-w.heard:
			m, err := ctl.Decode([]byte(text))
			ping, ok := m.(ctl.Ping)
			if err != nil || !ok {
				continue
			}
			if since := time.Since(last); since < 900*time.Millisecond { // the clock of the sender, with some jitter on the way
				t.Errorf("%v after the last ping", since)
			}
			last = time.Now()
			w.tell(ctl.Pong{N: ping.N + 1, T: ping.T, R: 1}) // to nothing
			select {
			case err := <-results:
				t.Errorf("the wrong pong counted: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
			answers++
			w.tell(ctl.Pong{N: ping.N, T: ping.T, R: 1})
		case <-time.After(patience):
			t.Fatal("no ping")
		}
	}
}

func TestPingWithoutCtl(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	bot := join(t, s.listener(t))
	w := newTalker(t, s, false)
	w.answerCall(1)
	await(t, "connection at the bot", bot.Connected())
	if _, err := bot.Ping(t.Context()); !errors.Is(err, peer.ErrNoCtl) {
		t.Errorf("%v", err)
	}
}

// The wait for a pong ends with the context, and with the channel.
func TestPingUnanswered(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	ping := func() {
		_, err := bot.Ping(ctx)
		result <- err
	}
	go ping()
	select {
	case err := <-result:
		t.Errorf("nobody answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	if err := next(t, "the end of the wait", result); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx = t.Context()
	go ping()
	if err := w.channel.Close(); err != nil {
		t.Fatal(err)
	}
	if err := next(t, "the end of the wait", result); !errors.Is(err, peer.ErrNoCtl) {
		t.Errorf("%v", err)
	}
}
