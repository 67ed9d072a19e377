package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// A Join that is cancelled, in any way, leaves no seat behind.
func TestJoinThatIsGivenUp(t *testing.T) {
	for name, giveUp := range map[string]func(cancel context.CancelFunc, c *client.Client){
		"context": func(cancel context.CancelFunc, _ *client.Client) { cancel() },
		"close":   func(_ context.CancelFunc, c *client.Client) { go func() { _ = c.Close() }() },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
				c := f.open(f.config())
				l := f.nextConn()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				got := make(chan error, 1)
				go func() {
					_, err := c.Join(ctx, "room")
					got <- err
				}()
				join := want[protocol.Join](l)
				giveUp(cancel, c)
				if leave := want[protocol.Leave](l); leave.ID != 0 {
					t.Errorf("%+v", leave)
				}
				l.say(joined(join.ID, "p1", "token-1", false)) // too late
				if err := <-got; err == nil {
					t.Error("Join succeeded")
				}
				if name == "close" {
					return
				}
				pinged := make(chan error, 1)
				go func() { pinged <- c.Ping(t.Context()) }()
				ping := want[protocol.Ping](l)
				if ping.ID == join.ID {
					t.Error("the reply to the join could be taken for the ping's")
				}
				l.say(protocol.Pong{ID: ping.ID})
				if err := <-pinged; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The seat was left, and only the reply was lost.
func TestLeaveWhoseReplyIsLost(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		left := make(chan error, 1)
		go func() { left <- c.Leave(t.Context()) }()
		want[protocol.Leave](l)
		l.cut()
		l = f.nextConn()
		l.say(protocol.Error{ID: want[protocol.Join](l).ID, Code: protocol.CodeUnauthorized})
		if err := <-left; err != nil {
			t.Error(err)
		}
		joinedAgain := make(chan error, 1)
		go func() {
			_, err := c.Join(t.Context(), "room")
			joinedAgain <- err
		}()
		again := want[protocol.Join](l)
		l.say(joined(again.ID, "p2", "token-2", false))
		if err := <-joinedAgain; err != nil || again.Resume != "" {
			t.Errorf("%+v: %v", again, err)
		}
	})
}

// If an event is skipped, the connection is dropped; an unknown event counts.
func TestGapsAndUnknownEvents(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		if err := l.WriteMessage(websocket.TextMessage, []byte(`{"type":"dance","seq":1}`)); err != nil {
			t.Fatal(err)
		}
		l.say(message(2))
		l.say(message(4))
		if event := hear[protocol.MessageEvent](t, c); event.Seq != 2 {
			t.Errorf("%+v", event)
		}
		hear[client.Interrupted](t, c)
		l = f.nextConn()
		if join := l.resume(true); join.Seq != 2 {
			t.Errorf("%+v", join)
		}
		hear[client.Rejoined](t, c)
		l.say(message(3))
		hear[protocol.MessageEvent](t, c)
	})
}

// No more requests are in flight than the server keeps replies, and no more wait than
// the outbox may hold.
func TestBoundsOfTheOutbox(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		posted := 0
		for {
			if _, err := c.Post("p2", 1); err != nil {
				if !errors.Is(err, client.ErrTooMany) {
					t.Error(err)
				}
				break
			}
			posted++
		}
		if posted != 1024 {
			t.Errorf("%d were taken", posted)
		}
		for range 32 {
			want[protocol.Message](l)
		}
		_ = l.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, _, err := l.ReadMessage(); err == nil {
			t.Error("a message more than the server keeps replies for")
		}
	})
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, _ := f.seat()
		f.set(true, nil)
		large := make([]byte, 1<<20) // more in base64
		n := 0
		for ; n < 100; n++ {
			if _, err := c.Post("p2", large); errors.Is(err, client.ErrTooMany) {
				break
			}
		}
		if n != 2 {
			t.Errorf("%d MiB were taken", n)
		}
	})
}

// A request whose caller has stopped waiting is not sent, unless the server may know it.
func TestWithdrawnRequest(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		f.set(true, nil)
		l.cut()
		hear[client.Interrupted](t, c)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Send(ctx, "p2", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Send: %v", err)
		}
		result := post(t, c, 2)
		f.set(false, nil)
		l = f.nextConn()
		l.resume(true)
		if m := want[protocol.Message](l); string(m.Data) != "2" {
			t.Errorf("sent %+v", m)
		}
		l.say(protocol.Ack{ID: 2})
		l.say(protocol.Ack{ID: 1})
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// If a server asks to join later, the client waits.
func TestJoinThatIsPutOff(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		l.cut()
		hear[client.Interrupted](t, c)
		l = f.nextConn()
		l.say(protocol.Error{ID: want[protocol.Join](l).ID, Code: protocol.CodeRateLimited, Retry: true, After: 7})
		start := time.Now()
		if join := f.nextConn().resume(true); join.Resume != "token-1" || time.Since(start) < 7*time.Second {
			t.Errorf("%+v after %v", join, time.Since(start))
		}
		hear[client.Rejoined](t, c)
	})
}

// Close ends a client at once while it reconnects.
func TestCloseWhileAway(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		f.set(true, nil)
		l.cut()
		hear[client.Interrupted](t, c)
		result := post(t, c, 1)
		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
		start := time.Now()
		if err := c.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("Close: %v after %v", err, time.Since(start))
		}
		if err := <-result; !errors.Is(err, client.ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
		synctest.Wait()
	})
}

// Requests are repeated in the order of their ids, which differs from the order of the
// calls after one was refused.
func TestRepeatedInOrder(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		for i := range 4 {
			post(t, c, i)
		}
		first := want[protocol.Message](l)
		for range 3 {
			want[protocol.Message](l)
		}
		l.say(protocol.Error{ID: first.ID, Code: protocol.CodeQueueFull, Retry: true, After: 1})
		want[protocol.Message](l)
		l.cut()
		l = f.nextConn()
		l.resume(true)
		for last, i := uint64(0), 0; i < 4; i++ {
			m := want[protocol.Message](l)
			if m.ID <= last {
				t.Errorf("id %d after %d", m.ID, last)
			}
			last = m.ID
		}
	})
}
