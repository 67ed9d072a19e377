package signaling

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callbox/internal/rawio"
)

// polledServer serves on loopback until the test's end, when no goroutine may be
// left. dial returns a new WebSocket.
func polledServer(t *testing.T, config Config) (s *Server, dial func() *wireClient) {
	t.Helper()
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.WebSocketHandler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		web.Close()
		if n := goroutinesIn("callbox/signaling.(*poller)") + goroutinesIn("callbox/signaling.(*webSocket)"); n > 0 {
			t.Errorf("%d goroutines are left", n)
		}
	})
	return s, func() *wireClient {
		t.Helper()
		c := connectWire(t, web.Listener.Addr().String())
		c.open(opening())
		return c
	}
}

// goroutinesIn returns how many goroutines run a function of that name.
func goroutinesIn(function string) int {
	buf := make([]byte, 4<<20)
	n := 0
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "\n"+function) {
			n++
		}
	}
	return n
}

// until waits for a condition that nothing signals.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(time.Minute); !done(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestConnectionCostsNoGoroutine(t *testing.T) {
	_, dial := polledServer(t, Config{})
	for i := range 50 {
		dial().join(fmt.Sprint("room-", i))
	}
	until(t, "the handlers of net/http to end", func() bool { return goroutinesIn("net/http.(*conn).serve") == 0 })
	if n := goroutinesIn("callbox/signaling.(*webSocket)"); n > 0 {
		t.Errorf("%d goroutines read", n)
	}
	if n := goroutinesIn("callbox/signaling.(*poller)"); n != runtime.GOMAXPROCS(0) {
		t.Errorf("%d pollers for %d processors", n, runtime.GOMAXPROCS(0))
	}
}

// TestWaitingJoinHoldsNobodyUp has a join wait in each poller while other
// clients send. Afterwards the connections that waited are served again.
func TestWaitingJoinHoldsNobodyUp(t *testing.T) {
	s, dial := polledServer(t, Config{Capacity: 1})
	silent := dial()
	silent.join("full")
	s.mu.Lock()
	for c := range s.connections {
		c.transport.(*webSocket).lastActivity.Store(-int64(time.Hour))
	}
	s.mu.Unlock()

	var waiting, others []*wireClient
	for range 2 * runtime.GOMAXPROCS(0) {
		waiting, others = append(waiting, dial()), append(others, dial())
	}
	// Each sends more than it waits for, in one go.
	for _, c := range waiting {
		c.send(`{"type":"join","id":1,"room":"full"}`)
		c.send(`{"type":"ping","id":2}`)
	}
	until(t, "all to wait", func() bool { return goroutinesIn("callbox/signaling.(*Server).probe") == len(waiting) })
	for i, c := range others {
		c.join(fmt.Sprint("room-", i))
	}
	if n := goroutinesIn("callbox/signaling.(*Server).probe"); n != len(waiting) {
		t.Errorf("%d wait still when all others have joined", n)
	}
	// The seat's client is there: it answers the ping once it reads.
	go func() { _, _ = silent.read() }()
	for i, c := range waiting {
		c.expectType("full")
		c.expectType("pong")
		c.join(fmt.Sprint("another-", i))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	until(t, "them to be forgotten", func() bool { return s.Snapshot().Connections == 1+len(others) })
}

// TestRemainderIsRead sends more than one read takes while the poller is busy, so
// that all of it is there when the poller reads: epoll does not report it a second
// time.
func TestRemainderIsRead(t *testing.T) {
	var armed atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	s, dial := polledServer(t, Config{Seated: func(_ string, seated bool) {
		if seated && armed.CompareAndSwap(true, false) {
			close(entered)
			<-release
		}
	}})
	s.pollers.count = 1
	sender, other := dial(), dial()
	sender.join("room")
	armed.Store(true)
	other.send(`{"type":"join","id":1,"room":"another"}`)
	<-entered
	ping := string(masked(0x81, `{"type":"ping"}`+strings.Repeat(" ", 400), 7))
	_, _ = io.WriteString(sender, pingsOf(ping, 5*rawio.BufferSize/2))
	close(release)
	readPongs(t, sender)
	other.expectType("joined")
}

// TestMuchAndTheEnd sends more than one read takes and then ends the connection
// at once: epoll does not report it a second time.
func TestMuchAndTheEnd(t *testing.T) {
	s, dial := polledServer(t, Config{Capacity: 2, Grace: ResumeLife / 2})
	for _, cut := range []bool{false, true} {
		from, to := dial(), dial()
		to.join("room")
		from.join("room")
		to.expectType("other_joined")
		const count, size = 60, 2000
		data := strings.Repeat("x", size)
		for range count {
			from.send(`{"type":"message","data":"` + data + `"}`)
		}
		tcp := from.Conn.(*net.TCPConn)
		if cut { // an end without good order, once all has arrived
			for range count {
				to.expectType("message")
			}
			_ = tcp.SetLinger(0)
		}
		if err := tcp.Close(); err != nil {
			t.Fatal(err)
		}
		for range count {
			if !cut {
				to.expectType("message")
			}
		}
		to.expectType("away")
		to.send(`{"type":"leave"}`)
		to.expectType("left")
		_ = to.Close()
		until(t, "both to be forgotten", func() bool { return s.Snapshot().Connections == 0 })
		s.rooms.removeAll(new(effects))
	}
}

// TestLastWordsAndTheEnd sends the last bytes and the end before the poller
// reads.
func TestLastWordsAndTheEnd(t *testing.T) {
	s, dial := polledServer(t, Config{})
	var clients []*wireClient
	for range 20 {
		clients = append(clients, dial())
	}
	for _, p := range s.pollers.all { // each meets the first of its clients, and then waits
		p.mu.Lock()
	}
	for _, c := range clients {
		c.send(`{"type":"seen","seq":0}`) // without an answer, which would show the end, too
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range s.pollers.all {
		p.mu.Unlock()
	}
	until(t, "all to be forgotten", func() bool { return s.Snapshot().Connections == 0 })
}

// TestWaitingJoinLeavesItsRound has a join wait while connections after it are
// ready in the same round.
func TestWaitingJoinLeavesItsRound(t *testing.T) {
	s, dial := polledServer(t, Config{Capacity: 1})
	silent := dial()
	silent.join("full")
	s.mu.Lock()
	for c := range s.connections {
		c.transport.(*webSocket).lastActivity.Store(-int64(time.Hour))
	}
	s.mu.Unlock()
	n := runtime.GOMAXPROCS(0)
	clients := make([]*wireClient, 5*n)
	for i := range clients {
		clients[i] = dial()
	}
	for _, p := range s.pollers.all { // each meets the first of its clients, and then waits
		p.mu.Lock()
	}
	for i, c := range clients {
		switch i / n {
		case 0:
			c.send(`{"type":"seen","seq":0}`)
		case 1:
			c.send(`{"type":"join","id":1,"room":"full"}`)
		default:
			c.send(`{"type":"ping","id":1}`)
		}
	}
	for _, p := range s.pollers.all {
		p.mu.Unlock()
	}
	for _, c := range clients[2*n:] {
		c.expectType("pong")
	}
	go func() { _, _ = silent.read() }()
	for _, c := range clients[n : 2*n] {
		c.expectType("full")
	}
}

// TestFloodHoldsNobodyUp has a client of each poller send without pause.
func TestFloodHoldsNobodyUp(t *testing.T) {
	_, dial := polledServer(t, Config{})
	ctx, stop := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	defer flooding.Wait()
	defer stop()
	frame := masked(finalBit|opText, `{"type":"seen","seq":0}`, 7)
	for range runtime.GOMAXPROCS(0) {
		c := dial()
		flooding.Go(func() {
			var err error
			for ctx.Err() == nil && err == nil {
				_, err = c.Write(frame)
			}
		})
		other := dial()
		for i := range 100 {
			other.send(fmt.Sprintf(`{"type":"ping","id":%d}`, i+1))
			other.expectType("pong")
		}
	}
}

// TestCutFindsItsPoller aborts connections whose clients send nothing.
func TestCutFindsItsPoller(t *testing.T) {
	s, dial := polledServer(t, Config{})
	for i := range 10 {
		dial().join(fmt.Sprint("room-", i))
	}
	s.mu.Lock()
	for c := range s.connections {
		c.transport.abort()
	}
	s.mu.Unlock()
	until(t, "all to be forgotten", func() bool { return s.Snapshot().Connections == 0 })
}

// TestNoPollerWithoutConnection checks that pollers start with the first
// connection.
func TestNoPollerWithoutConnection(t *testing.T) {
	s, _ := polledServer(t, Config{})
	if s.pollers.all != nil {
		t.Error("there are pollers before the first connection")
	}
}
