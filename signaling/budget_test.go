package signaling_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/internal/budget"
	"callbox/signaling/protocol"
)

// joinRoom joins that room with a raw client.
func (s *testServer) joinRoom(t *testing.T, room string) (*rawClient, protocol.Joined) {
	t.Helper()
	c := s.raw(t)
	c.send(fmt.Sprintf(`{"type":"join","id":1,"room":%q}`, room))
	return c, expect[protocol.Joined](c)
}

// TestUnconfirmedMessagesHaveABudget makes pairs of one address leave messages
// unconfirmed until the server stores no more. The calls of other addresses go
// on.
func TestUnconfirmedMessagesHaveABudget(t *testing.T) {
	memory := budget.New(4 << 20)
	config := graceConfig()
	config.Memory = memory
	var addr atomic.Pointer[netip.Addr]
	config.ClientAddr = from(&addr)
	server := serve(t, config)
	as := func(text string) { a := netip.MustParseAddr(text); addr.Store(&a) }

	as("192.0.2.1")
	big := `"` + strings.Repeat("x", 3<<10) + `"`
	refused := 0
	for pair := range 2 {
		a, _ := server.joinRoom(t, fmt.Sprintf("greedy-%d", pair))
		b, _ := server.joinRoom(t, fmt.Sprintf("greedy-%d", pair))
		expect[protocol.OtherJoined](a)
		for id := 2; id < 42; id++ {
			b.send(fmt.Sprintf(`{"type":"message","id":%d,"data":%s}`, id, big))
			f, _ := b.read()
			if fault, ok := f.(protocol.Error); ok && fault.Code == protocol.CodeQueueFull && fault.Retry {
				refused++
			}
		}
	}
	s := memory.Snapshot()
	if refused == 0 || s.Used > s.Total/17 {
		t.Errorf("%d messages were refused, one address holds %d of %d bytes", refused, s.Used, s.Total)
	}

	as("192.0.2.2")
	ann, _ := server.seatPeer(t, "Ann")
	bo, _ := server.seatPeer(t, "Bo")
	expect[protocol.OtherJoined](ann)
	bo.send(`{"type":"message","id":2,"data":` + big + `}`)
	expect[protocol.Ack](bo)
}

// TestAwaySeatsCountForTheirAddress breaks connections one after the other. The
// number of seats that are held for them is bounded, and a resume is never
// refused.
func TestAwaySeatsCountForTheirAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.Connections = 3
		server := serveMemory(t, config)
		var last protocol.Joined
		for i := range 3 {
			c, joined := server.joinRoom(t, fmt.Sprintf("away-%d", i))
			last = joined
			_ = c.Close()
			synctest.Wait()
		}
		c := server.raw(t)
		c.send(`{"type":"join","id":1,"room":"one-more"}`)
		if fault := c.expectError(protocol.CodeRateLimited); !fault.Retry || fault.After == 0 {
			t.Errorf("error = %+v, want one to be tried again", fault)
		}
		back := server.raw(t)
		back.send(`{"type":"join","id":1,"room":"away-2",` + resume(last, 0) + `}`)
		again := expect[protocol.Joined](back)
		if !again.Resumed {
			t.Errorf("joined = %+v, want the seat back", again)
		}
		timePasses(config.Grace + time.Second)
		server.joinRoom(t, "one-more")
	})
}

// TestUnfinishedFramesHaveABudget starts frames and does not finish them.
func TestUnfinishedFramesHaveABudget(t *testing.T) {
	config := graceConfig()
	memory := budget.New(8 << 20)
	config.Memory = memory
	server := serve(t, config)
	begun := append([]byte{0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0}, bytes.Repeat([]byte{'x'}, 60<<10)...)
	const clients = 20
	closed := make(chan int, clients)
	all := make([]*rawClient, clients)
	for i := range all {
		all[i] = server.raw(t)
	}
	for _, c := range all {
		_, _ = c.NetConn().Write(begun) // it may be closed already
		go func() {
			_, _, err := c.ReadMessage()
			code := 0
			if fault, ok := errors.AsType[*websocket.CloseError](err); ok {
				code = fault.Code
			}
			closed <- code
		}()
	}
	// 20 times 60 KiB are more than the half of a megabyte that one address may hold.
	if code := <-closed; code != protocol.CloseTooSlow {
		t.Errorf("the first to be closed heard %d, want %d", code, protocol.CloseTooSlow)
	}
	if s := memory.Snapshot(); s.Used > s.Total/17 || s.Peak < s.Total/34 {
		t.Errorf("%d of %d bytes are held, %d at most", s.Used, s.Total, s.Peak)
	}
}

// TestFramesOverHTTPHaveABudget posts a large frame for which there is no
// memory.
func TestFramesOverHTTPHaveABudget(t *testing.T) {
	config := graceConfig()
	config.Memory = budget.New(17 * 20 << 10)
	server := serve(t, config)
	p := server.httpPeer(t)
	for size, want := range map[int]int{1 << 10: http.StatusOK, 60 << 10: http.StatusServiceUnavailable} {
		frame := `{"type":"ping","id":1,"padding":"` + strings.Repeat("x", size) + `"}`
		if got, answer := p.ask(http.MethodPost, "frames", frame); got != want {
			t.Errorf("a frame of %d bytes got %d %s, want %d", size, got, answer, want)
		}
	}
}

// TestConnectionsInAllMakeRoom fills the server with connections that do not
// join. A newcomer takes the place of one of them, and never that of a client
// that has joined.
func TestConnectionsInAllMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.AllConnections = 4
		server := serveMemory(t, config)
		ann, joined := server.seatPeer(t, "Ann")
		bo, _ := server.seatPeer(t, "Bo")
		expect[protocol.OtherJoined](ann)
		strays := []*rawClient{server.raw(t), server.raw(t)}
		newcomer := server.raw(t)
		newcomer.send(`{"type":"join","id":1,"room":"b"}`)
		if fault := newcomer.expectError(protocol.CodeRateLimited); !fault.Retry {
			t.Errorf("error = %+v while everybody has good reason to be there", fault)
		}
		ann, again := server.joinWith(t, resume(joined, 1)) // whoever has a seat comes back all the same
		if !again.Resumed {
			t.Errorf("joined = %+v, want the seat back", again)
		}
		_ = newcomer.Close()
		timePasses(3 * time.Second) // the strays have had time to join
		eve, _ := server.joinRoom(t, "eve")
		if ended := countEnded(strays); ended != 1 {
			t.Errorf("%d of two strays made room, want one", ended)
		}
		for _, c := range []*rawClient{ann, bo, eve} {
			c.send(`{"type":"ping","id":9}`)
			expect[protocol.Pong](c)
		}
	})
}

// countEnded returns how many of clients were closed to make room.
func countEnded(clients []*rawClient) (ended int) {
	for _, c := range clients {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		for {
			_, _, err := c.ReadMessage()
			if websocket.IsCloseError(err, protocol.CloseTooSlow) {
				ended++
			}
			if err != nil {
				break
			}
		}
	}
	return ended
}

// TestPeersMakeRoom fills the server with peers of one address that are alone,
// or confirm nothing. A newcomer from another address takes the place of one of
// them, and never that of a peer in a call.
func TestPeersMakeRoom(t *testing.T) {
	for _, test := range []struct {
		name   string
		behave func(t *testing.T, server *testServer) []*rawClient
		ended  int
	}{
		{"alone", func(t *testing.T, server *testServer) (all []*rawClient) {
			t.Helper()
			for i := range 6 {
				c, _ := server.joinRoom(t, fmt.Sprintf("alone-%d", i))
				all = append(all, c)
			}
			return all
		}, 1},
		{"in calls", func(t *testing.T, server *testServer) (all []*rawClient) {
			t.Helper()
			for i := range 6 {
				c, _ := server.joinRoom(t, fmt.Sprintf("call-%d", i/2))
				c.send(`{"type":"seen","seq":1}`)
				all = append(all, c)
			}
			for i := range all {
				if i%2 == 0 {
					expect[protocol.OtherJoined](all[i])
					all[i].send(`{"type":"seen","seq":1}`)
				}
			}
			return all
		}, 0},
		{"confirming nothing", func(t *testing.T, server *testServer) (all []*rawClient) {
			t.Helper()
			for i := range 6 {
				c, _ := server.joinRoom(t, fmt.Sprintf("silent-%d", i/2))
				all = append(all, c)
			}
			return all
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := graceConfig()
				config.Limits.AllConnections = 6
				var addr atomic.Pointer[netip.Addr]
				config.ClientAddr = from(&addr)
				server := serveMemory(t, config)
				crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
				addr.Store(&crowd)
				all := test.behave(t, server)
				for range 5 { // three pings and more, all answered
					answerPings(all, config.Ping/2)
				}
				addr.Store(&other)
				c := server.raw(t)
				c.send(`{"type":"join","id":1,"room":"b"}`)
				f, _ := c.read()
				if _, joined := f.(protocol.Joined); joined != (test.ended > 0) {
					t.Errorf("the newcomer heard %#v", f)
				}
				if ended := countEnded(all); ended != test.ended {
					t.Errorf("%d made room, want %d", ended, test.ended)
				}
			})
		})
	}
}

// TestCallsOfAnAddressCountForNothing has one address with many calls, such as a
// company, and one whose peers are alone. The first may make more calls at the
// cost of the second, and not the other way round.
func TestCallsOfAnAddressCountForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.AllConnections = 19
		var addr atomic.Pointer[netip.Addr]
		config.ClientAddr = from(&addr)
		server := serveMemory(t, config)
		company, crowd := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		addr.Store(&company)
		var calls, alone []*rawClient
		for i := range 12 {
			c, _ := server.joinRoom(t, fmt.Sprintf("call-%d", i/2))
			calls = append(calls, c)
		}
		addr.Store(&crowd)
		for i := range 7 {
			c, _ := server.joinRoom(t, fmt.Sprintf("alone-%d", i))
			alone = append(alone, c)
		}
		addr.Store(&company)
		c, _ := server.joinRoom(t, "call-6")
		addr.Store(&crowd)
		late := server.raw(t)
		late.send(`{"type":"join","id":1,"room":"alone-7"}`)
		_ = late.expectError(protocol.CodeRateLimited)
		addr.Store(&company)
		d, _ := server.joinRoom(t, "call-6")
		calls = append(calls, c, d)
		if ended := countEnded(alone[:2]); ended != 2 {
			t.Errorf("%d of the two oldest that were alone made room, want both", ended)
		}
		if ended := countEnded(append(calls, alone[2:]...)); ended != 0 {
			t.Errorf("%d others made room, want none", ended)
		}
	})
}

// TestWaitingJoinsMakeRoom fills the server with clients whose joins wait for
// the peers of a full room, which may be dead.
func TestWaitingJoinsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.AllConnections = 8
		var addr atomic.Pointer[netip.Addr]
		config.ClientAddr = from(&addr)
		server := serveMemory(t, config)
		crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		addr.Store(&crowd)
		server.joinRoom(t, "s")
		server.joinRoom(t, "s")
		timePasses(config.Ping + time.Second) // and neither says a word
		var waiting []*rawClient
		for range 6 {
			c := server.raw(t)
			c.send(`{"type":"join","id":1,"room":"s"}`)
			waiting = append(waiting, c)
		}
		synctest.Wait()
		addr.Store(&other)
		server.joinRoom(t, "b")
		if ended := countEnded(waiting); ended != 1 {
			t.Errorf("%d of those who wait made room, want one", ended)
		}
	})
}

// TestOwingPeersMakeRoom fills the server with pairs that have just sent each
// other much and do not confirm it.
func TestOwingPeersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.AllConnections = 18
		var addr atomic.Pointer[netip.Addr]
		config.ClientAddr = from(&addr)
		server := serveMemory(t, config)
		crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		addr.Store(&crowd)
		var all []*rawClient
		for i := range 18 {
			c, _ := server.joinRoom(t, fmt.Sprintf("room-%d", i/2))
			all = append(all, c)
		}
		for i := range 9 {
			expect[protocol.OtherJoined](all[2*i])
			for range 3 {
				all[2*i].send(`{"type":"message","data":"` + strings.Repeat("x", 30<<10) + `"}`)
				expect[protocol.MessageEvent](all[2*i+1])
			}
		}
		all[1].send(`{"type":"seen","seq":3}`) // the first pair keeps to the protocol
		synctest.Wait()
		addr.Store(&other)
		server.joinRoom(t, "b")
		if first, others := countEnded(all[:2]), countEnded(all[2:]); first != 0 || others != 1 {
			t.Errorf("%d of the first pair and %d of the others made room, want one of the others", first, others)
		}
	})
}

// TestAwayPeersAreNoCompany has peers whose connections broke come back as new
// peers of the same rooms, as attackers can in any number: the peers that are
// away do not keep them from making room. A peer whose partner has lost its
// connection in the middle of a call does not make room.
func TestAwayPeersAreNoCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.AllConnections = 7
		var addr atomic.Pointer[netip.Addr]
		config.ClientAddr = from(&addr)
		server := serveMemory(t, config)
		crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		addr.Store(&crowd)
		stays, _ := server.joinRoom(t, "call")
		breaks, _ := server.joinRoom(t, "call")
		_ = breaks.Close()
		var all []*rawClient
		for i := range 6 {
			room := fmt.Sprintf("room-%d", i)
			first, _ := server.joinRoom(t, room)
			_ = first.Close()
			synctest.Wait()
			c, _ := server.joinRoom(t, room)
			all = append(all, c)
		}
		addr.Store(&other)
		server.joinRoom(t, "b")
		if ended := countEnded(all); ended != 1 {
			t.Errorf("%d of those that came back made room, want one", ended)
		}
		if countEnded([]*rawClient{stays}) != 0 {
			t.Error("the one whose partner has lost its connection made room")
		}
	})
}

// answerPings reads from the clients for that long, which answers pings.
func answerPings(clients []*rawClient, lasting time.Duration) {
	timePasses(lasting)
	for _, c := range clients {
		c.send(`{"type":"ping"}`) // as good as an answer to a ping
	}
	synctest.Wait()
}

// TestMakingWayIsTold makes room on real sockets, where the connection is closed
// at once: its client hears why.
func TestMakingWayIsTold(t *testing.T) {
	config := defaultConfig()
	config.Limits.AllConnections = 6
	var addr atomic.Pointer[netip.Addr]
	config.ClientAddr = from(&addr)
	server := serve(t, config)
	crowd, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	addr.Store(&crowd)
	var alone []*rawClient
	for i := range 6 {
		c, _ := server.joinRoom(t, fmt.Sprintf("alone-%d", i))
		alone = append(alone, c)
	}
	addr.Store(&other)
	server.joinRoom(t, "b")
	alone[0].expectClose(protocol.CloseTooSlow)
}

// TestFewAloneStay fills the server with as many peers that are alone as one
// address may have: none of them makes room.
func TestFewAloneStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := graceConfig()
		config.Limits.AllConnections = 4
		var addr atomic.Pointer[netip.Addr]
		config.ClientAddr = from(&addr)
		server := serveMemory(t, config)
		few, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		addr.Store(&few)
		var alone []*rawClient
		for i := range 4 {
			c, _ := server.joinRoom(t, fmt.Sprintf("alone-%d", i))
			alone = append(alone, c)
		}
		addr.Store(&other)
		c := server.raw(t)
		c.send(`{"type":"join","id":1,"room":"b"}`)
		_ = c.expectError(protocol.CodeRateLimited)
		if ended := countEnded(alone); ended != 0 {
			t.Errorf("%d made room, want none", ended)
		}
	})
}
