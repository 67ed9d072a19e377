package signaling_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

const grace = 30 * time.Second

func graceConfig() signaling.Config {
	config := defaultConfig()
	config.Grace = grace
	config.SessionSecrets = [][]byte{[]byte("a secret of sixteen bytes or more")}
	return config
}

// seatPeer joins with a raw client.
func (s *testServer) seatPeer(t *testing.T, name string) (*rawClient, protocol.Joined) {
	t.Helper()
	return s.joinWith(t, fmt.Sprintf(`"name":%q`, name))
}

// joinWith joins room a with more fields, which must succeed.
func (s *testServer) joinWith(t *testing.T, fields string) (*rawClient, protocol.Joined) {
	t.Helper()
	c := s.raw(t)
	c.send(`{"type":"join","id":1,"room":"a",` + fields + `}`)
	return c, expect[protocol.Joined](c)
}

func resume(joined protocol.Joined, seq int) string {
	return fmt.Sprintf(`"resume":%q,"seq":%d`, joined.Resume, seq)
}

func replace(joined protocol.Joined) string { return fmt.Sprintf(`"replace":%q`, joined.Resume) }

// refused joins room a with more fields, which must fail.
func (s *testServer) refused(t *testing.T, fields string, code protocol.Code) protocol.Error {
	t.Helper()
	c := s.raw(t)
	c.send(`{"type":"join","id":1,"room":"a",` + fields + `}`)
	defer c.Close()
	return c.expectError(code)
}

// say sends a message with an id to all others.
func (c *rawClient) say(id int, text string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`{"type":"message","id":%d,"data":%q}`, id, text))
}

// hears reads the next frame, which must be that message.
func (c *rawClient) hears(seq uint64, text string) {
	c.t.Helper()
	if e := expect[protocol.MessageEvent](c); e.Seq != seq || string(e.Data) != `"`+text+`"` {
		c.t.Fatalf("message = %d %s, want %d %q", e.Seq, e.Data, seq, text)
	}
}

func (c *rawClient) acked(id uint64) {
	c.t.Helper()
	if ack := expect[protocol.Ack](c); ack.ID != id {
		c.t.Fatalf("ack = %+v, want id %d", ack, id)
	}
}

// quiet fails the test if another frame has arrived.
func (c *rawClient) quiet() {
	c.t.Helper()
	c.send(`{"type":"ping"}`)
	expect[protocol.Pong](c)
}

func TestResumeLosesNothing(t *testing.T) {
	server := serve(t, graceConfig())
	ann, annJoined := server.seatPeer(t, "Ann")
	bo, boJoined := server.seatPeer(t, "Bo")
	if e := expect[protocol.OtherJoined](ann); e.Peer != boJoined.Peer || e.Polite {
		t.Errorf("other_joined = %+v", e)
	}
	ann.say(1, "one")
	ann.acked(1)
	bo.hears(1, "one")
	ann.say(2, "two")
	ann.acked(2)
	_ = bo.NetConn().Close()
	if e := expect[protocol.Away](ann); e.Peer != boJoined.Peer || e.Seq != 2 {
		t.Errorf("away = %+v", e)
	}
	ann.say(3, "three")
	ann.acked(3)

	bo, again := server.joinWith(t, resume(boJoined, 1))
	want := protocol.Peer{Peer: annJoined.Peer, Name: "Ann", Polite: true}
	if !again.Resumed || again.Peer != boJoined.Peer || again.Grace != 30 || len(again.Peers) != 1 || again.Peers[0] != want {
		t.Errorf("joined = %+v", again)
	}
	bo.hears(2, "two")
	bo.hears(3, "three")
	bo.quiet()
	if e := expect[protocol.Back](ann); e.Peer != boJoined.Peer || !e.Resumed || e.Seq != 3 {
		t.Errorf("back = %+v", e)
	}
	ann.say(4, "four")
	bo.hears(4, "four")
	waitFor(t, "the broken connection to be forgotten", func() bool { return server.Snapshot().Connections == 2 })
	s := server.Snapshot()
	if s.Peers != 2 || s.Away != 0 || s.Joins["resumed"] != 1 || s.Transports["websocket"] != 2 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestResumeTakesALivingConnectionOver(t *testing.T) {
	server := serve(t, graceConfig())
	ann, _ := server.seatPeer(t, "Ann")
	old, joined := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	ann.say(1, "one")
	ann.acked(1)
	bo, again := server.joinWith(t, resume(joined, 0))
	if !again.Resumed {
		t.Errorf("joined = %+v", again)
	}
	bo.hears(1, "one")
	old.expectClose(protocol.CloseTakenOver)
	ann.quiet() // nobody need know
	if s := server.Snapshot(); s.Peers != 2 || s.Closed[protocol.CloseTakenOver] != 1 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestRaceOfResumes(t *testing.T) {
	server := serve(t, graceConfig())
	ann, _ := server.seatPeer(t, "Ann")
	_, joined := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	for range 50 {
		var running sync.WaitGroup
		clients := make([]*rawClient, 3)
		for i := range clients {
			clients[i] = server.raw(t)
			running.Go(func() {
				clients[i].send(`{"type":"join","id":1,"room":"a",` + resume(joined, 0) + `}`)
			})
		}
		running.Wait()
		alive := 0
		for _, c := range clients {
			// Either it is the last one, or it is closed, maybe before it hears
			// joined.
			_ = c.WriteMessage(1, []byte(`{"type":"ping"}`))
			for {
				f, code := c.read()
				if again, ok := f.(protocol.Joined); ok {
					if !again.Resumed || again.Peer != joined.Peer {
						t.Fatalf("joined = %+v", again)
					}
					continue
				}
				if f != nil {
					alive++
				} else if code != protocol.CloseTakenOver {
					t.Fatalf("closed with %d", code)
				}
				break
			}
		}
		if alive == 0 {
			t.Fatal("nobody has the seat")
		}
	}
	ann.quiet()
	waitFor(t, "the others to be gone", func() bool { return server.Snapshot().Connections == 2 })
	if s := server.Snapshot(); s.Peers != 2 || s.Away != 0 {
		t.Errorf("snapshot = %+v", s)
	}
}

func TestResumeThatCannotBe(t *testing.T) {
	server := serve(t, graceConfig())
	ann, annJoined := server.seatPeer(t, "Ann")
	payload, signature, _ := strings.Cut(annJoined.Resume, ".")
	forged := func() string {
		raw, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)-1] ^= 1 // the name
		return base64.RawURLEncoding.EncodeToString(raw) + "." + signature
	}
	other := serve(t, signaling.Config{Grace: grace})
	_, foreign := other.seatPeer(t, "Ann")
	for name, token := range map[string]string{
		"no token": "x", "empty parts": ".", "no signature": payload + ".", "cut": annJoined.Resume[:len(annJoined.Resume)-2],
		"forged": forged(), "another server's": foreign.Resume, "long": strings.Repeat("x", 5000),
	} {
		for _, field := range []string{"resume", "replace"} {
			t.Run(field+" "+name, func(t *testing.T) {
				server := serve(t, graceConfig())
				_ = server.refused(t, fmt.Sprintf(`%q:%q`, field, token), protocol.CodeUnauthorized)
				if s := server.Snapshot(); s.Peers != 0 || s.Joins["unauthorized"] != 1 {
					t.Errorf("snapshot = %+v", s)
				}
			})
		}
	}
	c := server.raw(t)
	c.send(`{"type":"join","id":1,"room":"b",` + resume(annJoined, 0) + `}`)
	_ = c.expectError(protocol.CodeUnauthorized)
	ann.quiet()
	ann.send(`{"type":"leave","id":1}`)
	expect[protocol.Left](ann)
	_ = server.refused(t, resume(annJoined, 0), protocol.CodeUnauthorized)

	_, kicked := server.seatPeer(t, "Bo")
	if put(server.Kick(kicked.Peer, 0)) != nil || put(server.Kick(kicked.Peer, 0)) == nil {
		t.Error("want one kick that finds somebody")
	}
	_ = server.refused(t, resume(kicked, 0), protocol.CodeUnauthorized)
	_ = server.refused(t, replace(kicked), protocol.CodeUnauthorized)
}

func TestResumeBeyondWhatIsKeptBeginsAnew(t *testing.T) {
	for name, seq := range map[string]int{"before what is confirmed": 0, "after the newest": 3} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, graceConfig())
			ann, _ := server.seatPeer(t, "Ann")
			bo, joined := server.seatPeer(t, "Bo")
			expect[protocol.OtherJoined](ann)
			for id := range 2 {
				ann.say(id+1, "x")
				ann.acked(uint64(id + 1))
				expect[protocol.MessageEvent](bo)
			}
			bo.send(`{"type":"seen","seq":1}`)
			bo.send(`{"type":"ping","id":40}`)
			expect[protocol.Pong](bo)
			bo, again := server.joinWith(t, resume(joined, seq))
			if again.Resumed || again.Peer != joined.Peer || again.Resume == joined.Resume {
				t.Errorf("joined = %+v, want the same peer, not resumed", again)
			}
			if e := expect[protocol.Back](ann); e.Resumed || e.Peer != joined.Peer {
				t.Errorf("back = %+v, want resumed:false", e)
			}
			bo.say(1, "hello") // ids begin anew, and so does seq
			bo.acked(1)
			ann.hears(3, "hello")
			ann.say(3, "hello")
			bo.hears(1, "hello")
			// The old token is still good for the seat, not for its events.
			if _, third := server.joinWith(t, resume(joined, 1)); third.Resumed || third.Peer != joined.Peer {
				t.Errorf("joined = %+v with the token of before", third)
			}
		})
	}
}

func TestGraceCountsFromTheLastSignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Ping = 0
		server := serveMemory(t, config)
		ann, _ := server.join(t, "Ann", "a")
		bo, joined := server.deadPeer(t, "a")
		receive[protocol.OtherJoined](t, ann)
		if _, err := ann.Send(t.Context(), joined.Peer, 1); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		timePasses(10 * time.Second)
		_ = bo.Close()
		receive[protocol.Away](t, ann)
		between(t, start, 10*time.Second, 10*time.Second)
		// All that time the seat is taken.
		timePasses(19 * time.Second)
		if _, err := server.dial(t, "Cy").Join(t.Context(), "a"); !isFull(err) {
			t.Errorf("join: %v, want full", err)
		}
		e := receive[protocol.Bye](t, ann)
		between(t, start, grace, grace+time.Second)
		if e.Peer != joined.Peer || e.Reason != protocol.ReasonTimeout || len(e.Undelivered) != 1 || e.Undelivered[0] != 2 {
			t.Errorf("bye = %+v, want timeout and [2] undelivered", e)
		}
		// Who comes later gets its place back while there is one.
		_, again := server.joinWith(t, resume(joined, 0))
		if again.Resumed || again.Peer != joined.Peer {
			t.Errorf("joined = %+v", again)
		}
		if e := receive[protocol.OtherJoined](t, ann); e.Resumed || e.Peer != joined.Peer || e.Polite {
			t.Errorf("other_joined = %+v", e)
		}
	})
}

func TestTimedOutSeatThatIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, graceConfig())
		bo, joined := server.deadPeer(t, "a")
		_ = bo.Close()
		timePasses(31 * time.Second)
		server.join(t, "Ann", "a")
		server.join(t, "Cy", "a")
		c := server.raw(t)
		c.send(`{"type":"join","id":1,"room":"a",` + resume(joined, 0) + `}`)
		if full := expect[protocol.Full](c); full.Capacity != 2 {
			t.Errorf("full = %+v", full)
		}
	})
}

func TestTokensExpireAndAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, graceConfig())
		ann, _ := server.join(t, "Ann", "a") // answers pings
		c := server.raw(t)
		c.send(`{"type":"join","id":1,"room":"a"}`)
		joined := expect[protocol.Joined](c)
		receive[protocol.OtherJoined](t, ann)
		at := time.Now()
		for id := 1; time.Since(at) < 29*time.Minute; id++ {
			c.send(fmt.Sprintf(`{"type":"ping","id":%d}`, id))
			if pong := expect[protocol.Pong](c); pong.Resume != "" {
				t.Fatalf("a fresh token after %v", time.Since(at))
			}
			timePasses(20 * time.Second)
		}
		for time.Since(at) < 30*time.Minute {
			c.send(`{"type":"seen","seq":0}`)
			timePasses(10 * time.Second)
		}
		c.send(`{"type":"ping"}`)
		newest := expect[protocol.Pong](c).Resume
		if newest == "" {
			t.Fatal("no fresh token after half of its life")
		}
		c.quiet()
		for time.Since(at) < 61*time.Minute {
			c.quiet()
			timePasses(20 * time.Second)
		}
		_ = server.refused(t, resume(joined, 0), protocol.CodeUnauthorized)
		joined.Resume = newest
		if _, again := server.joinWith(t, resume(joined, 0)); !again.Resumed || again.Peer != joined.Peer {
			t.Errorf("joined = %+v with the fresh token", again)
		}
		c.expectClose(protocol.CloseTakenOver)
	})
}
