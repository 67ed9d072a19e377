package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// post posts a message and returns a channel for its result.
func post(t *testing.T, c *client.Client, data any) chan error {
	t.Helper()
	sent, err := c.Post("p2", data)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := sent.Ack(context.WithoutCancel(t.Context()))
		result <- err
	}()
	return result
}

func TestConnectionLostAndResumed(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		l.say(message(1))
		first, second := post(t, c, 1), post(t, c, 2)
		m1, m2 := want[protocol.Message](l), want[protocol.Message](l)
		l.say(protocol.Ack{ID: m1.ID, To: []string{"p2"}})
		if err := <-first; err != nil {
			t.Errorf("first: %v", err)
		}
		hear[protocol.MessageEvent](t, c)
		l.cut()
		if lost := hear[client.Interrupted](t, c); lost.Err == nil {
			t.Error("no reason is given")
		}
		third := post(t, c, 3) // while it is away

		l = f.nextConn()
		if join := l.resume(true); join.Resume != "token-1" || join.Seq != 1 || join.Token != "" {
			t.Errorf("join: %+v", join)
		}
		if back := hear[client.Rejoined](t, c); !back.Resumed || back.Joined.Peer != "p1" {
			t.Errorf("%+v", back)
		}
		if again := want[protocol.Message](l); again.ID != m2.ID || string(again.Data) != "2" {
			t.Errorf("repeated %+v, want %+v", again, m2)
		}
		fresh := want[protocol.Message](l)
		if fresh.ID <= m2.ID || string(fresh.Data) != "3" {
			t.Errorf("then %+v", fresh)
		}
		l.say(message(1)) // known already
		l.say(message(2))
		l.say(protocol.Ack{ID: m2.ID, To: []string{"p2"}})
		l.say(protocol.Ack{ID: fresh.ID, To: []string{"p2"}})
		if event := hear[protocol.MessageEvent](t, c); event.Seq != 2 {
			t.Errorf("event %d came twice", event.Seq)
		}
		if err := errors.Join(<-second, <-third); err != nil {
			t.Error(err)
		}
	})
}

func TestServerForgot(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		l.say(message(1))
		lost := post(t, c, 1)
		m := want[protocol.Message](l)
		l.cut()
		hear[protocol.MessageEvent](t, c)
		hear[client.Interrupted](t, c)
		iced := make(chan error, 1)
		go func() {
			_, err := c.ICE(t.Context())
			iced <- err
		}()
		l = f.nextConn()
		l.resume(false)
		if back := hear[client.Rejoined](t, c); back.Resumed || len(back.Joined.Peers) != 1 {
			t.Errorf("%+v", back)
		}
		if err := <-lost; !errors.Is(err, client.ErrLost) {
			t.Errorf("the message: %v, want ErrLost", err)
		}
		ice := want[protocol.ICE](l)
		if ice.ID <= m.ID {
			t.Errorf("id %d after %d", ice.ID, m.ID)
		}
		l.say(protocol.ICEReply{ID: ice.ID})
		if err := <-iced; err != nil {
			t.Error(err)
		}
		l.say(message(1)) // the numbers begin anew
		if event := hear[protocol.MessageEvent](t, c); event.Seq != 1 {
			t.Errorf("%+v", event)
		}
	})
}

func TestSeatIsNotGivenBack(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		config := f.config()
		config.Token = "jwt"
		c, l := f.seatWith(config)
		l.cut()
		l = f.nextConn()
		refused := want[protocol.Join](l)
		l.say(protocol.Error{ID: refused.ID, Code: protocol.CodeUnauthorized})
		plain := want[protocol.Join](l)
		if plain.Resume != "" || plain.Nonce == "" || plain.Token != "jwt" || refused.Token != "" {
			t.Errorf("joins: %+v, %+v", refused, plain)
		}
		l.say(joined(plain.ID, "p9", "token-9", false))
		hear[client.Interrupted](t, c)
		if back := hear[client.Rejoined](t, c); back.Resumed || back.Joined.Peer != "p9" {
			t.Errorf("%+v", back)
		}
	})
}

func TestOthersTookTheSeat(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		l.cut()
		l = f.nextConn()
		l.say(protocol.Full{ID: want[protocol.Join](l).ID, Room: "room", Capacity: 2})
		<-c.Done()
		if _, ok := errors.AsType[*client.FullError](c.Err()); !ok {
			t.Errorf("Err = %v, want FullError", c.Err())
		}
	})
}

// The reply to the first join is lost: the client asks for the same seat again.
func TestLostJoined(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c := f.open(f.config())
		l := f.nextConn()
		got := make(chan error, 1)
		go func() {
			_, err := c.Join(t.Context(), "room")
			got <- err
		}()
		first := want[protocol.Join](l)
		l.cut()
		l = f.nextConn()
		again := want[protocol.Join](l)
		if again.Nonce == "" || again.Nonce != first.Nonce {
			t.Errorf("nonces %q and %q", first.Nonce, again.Nonce)
		}
		l.say(joined(again.ID, "p1", "token-1", false))
		if err := <-got; err != nil {
			t.Error(err)
		}
		if n := c.Waiting(); n != 0 {
			t.Errorf("%d events of a join that only took longer", n)
		}
	})
}

// A request that is refused for the moment is repeated under a new id.
func TestRefusedForTheMoment(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		first, second := post(t, c, 1), post(t, c, 2)
		m1, m2 := want[protocol.Message](l), want[protocol.Message](l)
		start := time.Now()
		for _, m := range []protocol.Message{m1, m2} {
			l.say(protocol.Error{ID: m.ID, Code: protocol.CodeQueueFull, Retry: true, After: 1})
		}
		again1 := want[protocol.Message](l)
		again2 := want[protocol.Message](l)
		if waited := time.Since(start); waited < time.Second {
			t.Errorf("repeated after %v", waited)
		}
		if string(again1.Data) != "1" || string(again2.Data) != "2" || again1.ID <= m2.ID || again2.ID <= again1.ID {
			t.Errorf("repeated %+v, %+v", again1, again2)
		}
		l.say(protocol.Ack{ID: again1.ID})
		l.say(protocol.Error{ID: again2.ID, Code: protocol.CodeUnknown, Retry: true})
		same := want[protocol.Message](l)
		if same.ID != again2.ID {
			t.Errorf("unknown is repeated as %d, want %d", same.ID, again2.ID)
		}
		l.say(protocol.Error{ID: same.ID, Code: protocol.CodeNoSuchPeer})
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-second; !isCode(err, protocol.CodeNoSuchPeer) {
			t.Errorf("second: %v", err)
		}
	})
}

// If the receiver's queue stays full, the sender gets the error in the end.
func TestRefusedForTooLong(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		result := post(t, c, 1)
		go func() {
			for {
				request, err := l.any()
				if err != nil {
					return
				}
				if m, ok := request.(protocol.Message); ok {
					l.say(protocol.Error{ID: m.ID, Code: protocol.CodeQueueFull, Retry: true, After: 1})
				} else if _, ok := request.(protocol.Ping); ok {
					l.say(protocol.Pong{})
				}
			}
		}()
		if err := <-result; !isCode(err, protocol.CodeQueueFull) {
			t.Errorf("%v, want queue_full", err)
		}
	})
}

func TestConfirmation(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		_, l := f.seat()
		start := time.Now()
		l.say(message(1))
		if seen, _ := l.any(); seen != (protocol.Seen{Seq: 1}) || time.Since(start) > time.Second {
			t.Errorf("%#v after %v", seen, time.Since(start))
		}
		for seq := range uint64(40) {
			l.say(message(seq + 2))
		}
		now := time.Now()
		seen, _ := l.any()
		if s, ok := seen.(protocol.Seen); !ok || s.Seq < 17 || time.Since(now) != 0 {
			t.Errorf("%#v after %v", seen, time.Since(now))
		}
		for {
			request, err := l.any()
			if err != nil {
				t.Fatal(err)
			}
			if ping, ok := request.(protocol.Ping); ok {
				if ping.Seq != 41 || time.Since(start) != 15*time.Second {
					t.Errorf("%+v after %v", ping, time.Since(start))
				}
				break
			}
		}
	})
}

// The newest resume token is used.
func TestFreshToken(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		_, l := f.seat()
		if ping, _ := l.any(); ping != (protocol.Ping{}) {
			t.Errorf("%#v", ping)
		}
		l.say(protocol.Pong{Resume: "token-7"})
		synctest.Wait()
		l.cut()
		if join := f.nextConn().resume(true); join.Resume != "token-7" {
			t.Errorf("join: %+v", join)
		}
	})
}

// A dead connection is noticed before the grace time of the seat, two pings, is over.
func TestSilentLine(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		start := time.Now()
		go l.deaf()
		hear[client.Interrupted](t, c)
		if took := time.Since(start); took < 15*time.Second || took > 25*time.Second {
			t.Errorf("noticed after %v", took)
		}
		f.nextConn().resume(true)
		hear[client.Rejoined](t, c)
	})
}

// After the machine wakes up, the client tests its connection at once.
func TestWakeUp(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		var asleep time.Duration
		wall := make(chan time.Duration, 1)
		config := client.WithWall(f.config(), func() time.Time {
			select {
			case asleep = <-wall:
			default:
			}
			return time.Now().Add(asleep)
		})
		c, l := f.seatWith(config)
		go l.deaf()
		time.AfterFunc(time.Second, func() { wall <- time.Hour })
		start := time.Now()
		hear[client.Interrupted](t, c)
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("noticed after %v", took)
		}
		f.nextConn().resume(true)
	})
}

func TestCodesThatEndIt(t *testing.T) {
	for _, code := range []int{protocol.CloseLeft, protocol.ClosePolicy, protocol.CloseTakenOver} {
		story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
			c, l := f.seat()
			l.end(code)
			<-c.Done()
			closed, ok := errors.AsType[*client.CloseError](c.Err())
			if !ok || closed.Code != code || len(f.dialled()) != 1 {
				t.Errorf("%d: Err = %v after %d dials", code, c.Err(), len(f.dialled()))
			}
		})
	}
	for _, code := range []int{protocol.CloseGoingAway, protocol.CloseRestart, protocol.CloseTooSlow, 1011} {
		story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
			c, l := f.seat()
			l.end(code)
			f.nextConn().resume(true)
			hear[client.Interrupted](t, c)
			hear[client.Rejoined](t, c)
		})
	}
}

// A frame that is too large for the server is not repeated forever.
func TestTooLargeFrame(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		small, large := post(t, c, "s"), post(t, c, "a rather long message")
		m := want[protocol.Message](l)
		want[protocol.Message](l)
		l.end(protocol.CloseTooLarge)
		l = f.nextConn()
		l.resume(true)
		if err := <-large; !isCode(err, protocol.CodeTooLarge) {
			t.Errorf("large: %v", err)
		}
		if again := want[protocol.Message](l); again.ID != m.ID {
			t.Errorf("repeated %+v", again)
		}
		l.say(protocol.Ack{ID: m.ID})
		if err := <-small; err != nil {
			t.Error(err)
		}
	})
}

// A server that shuts down says when to reconnect, and refuses requests meanwhile.
func TestClosingServer(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		l.say(protocol.Closing{After: 5})
		hear[protocol.Closing](t, c)
		result := post(t, c, 1)
		l.say(protocol.Error{ID: want[protocol.Message](l).ID, Code: protocol.CodeClosing, Retry: true})
		synctest.Wait()
		f.set(true, nil)
		closed := time.Now()
		l.end(protocol.CloseGoingAway)
		time.AfterFunc(6*time.Second, func() { f.set(false, nil) })
		f.nextConn().resume(false)
		if err := <-result; !errors.Is(err, client.ErrLost) {
			t.Errorf("%v, want ErrLost", err)
		}
		if first := f.dialled()[1].Sub(closed); first > 5*time.Second {
			t.Errorf("the first attempt came after %v", first)
		}
	})
}

// While a server is down, the client tries less and less often.
func TestBackoff(t *testing.T) {
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		f.set(true, nil)
		l.cut()
		hear[client.Interrupted](t, c)
		time.AfterFunc(10*time.Minute, func() { f.set(false, nil) })
		f.nextConn().resume(true)
		dials := f.dialled()
		if n := len(dials); n < 60 || n > 140 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		for i := 2; i < len(dials); i++ {
			if gap := dials[i].Sub(dials[i-1]); gap > 15*time.Second {
				t.Errorf("attempt %d came %v after the one before", i, gap)
			}
		}
	})
}

// Handshakes are refused, by the server and by proxies in front of it.
func TestRefusedHandshakes(t *testing.T) {
	refuse := func(status int, after, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, refusal := range []http.HandlerFunc{
		refuse(429, "4", `{"code":"rate_limited","message":"m"}`),
		refuse(503, "4", `{"code":"closing","message":"m"}`),
		refuse(502, "4", "bad gateway"),
	} {
		story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
			c, l := f.seat()
			f.set(false, refusal)
			l.cut()
			hear[client.Interrupted](t, c)
			start := time.Now()
			synctest.Wait()
			f.set(false, nil)
			f.nextConn().resume(true)
			if waited := time.Since(start); waited < 4*time.Second {
				t.Errorf("came again after %v", waited)
			}
		})
	}
	story(t, func(t *testing.T, f *fake) { //nolint:thelper // it is the test
		c, l := f.seat()
		f.set(false, refuse(403, "", `{"code":"forbidden_origin","message":"m"}`))
		l.cut()
		<-c.Done()
		if refused, ok := errors.AsType[*client.HandshakeError](c.Err()); !ok || refused.Status != 403 {
			t.Errorf("Err = %v", c.Err())
		}
	})
}
