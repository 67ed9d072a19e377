package signaling_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling/protocol"
)

// flood sends a request n times, with a fresh id for ID, until the connection
// ends, and returns what became of it: the replies by code, and the close code.
func (c *rawClient) flood(n int, text string) (codes map[protocol.Code]int, closed int) {
	c.t.Helper()
	codes = make(map[protocol.Code]int)
	for id := range n {
		c.send(strings.ReplaceAll(text, "ID", fmt.Sprint(id+1000)))
		f, code := c.read()
		if f == nil {
			return codes, code
		}
		fault, _ := f.(protocol.Error)
		codes[fault.Code]++
		if fault.Code == protocol.CodeRateLimited && fault.ID != uint64(id+1000) && !strings.Contains(text, "no id") {
			c.t.Fatalf("error = %+v, want id %d", fault, id+1000)
		}
		if codes[protocol.CodeRateLimited] > 1000 {
			return codes, c.expectClosed()
		}
	}
	return codes, 0
}

// expectClosed reads on to the connection's end.
func (c *rawClient) expectClosed() int {
	c.t.Helper()
	for {
		if f, code := c.read(); f == nil {
			return code
		}
	}
}

// TestFloodIsPutOut checks that frames beyond the rate are refused unread, and
// that a client that sends a thousand of them loses its seat.
func TestFloodIsPutOut(t *testing.T) {
	keys := `{"type":"zz","id":ID`
	for i := range 60 {
		keys += fmt.Sprintf(`,"k%d":1`, i)
	}
	for name, text := range map[string]string{
		"pings":     `{"type":"ping","id":ID}`,
		"id at end": `{"data":{"id":9,"x":[1,{"type":"seen"}]},"type":"message","id":ID}`,
		"joins":     `{"type":"join","id":ID,"room":"b"}`,
		"many keys": keys + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serveMemory(t, defaultConfig())
				c, joined := server.seatPeer(t, "Eve")
				codes, closed := c.flood(3000, text)
				if n := codes[protocol.CodeRateLimited]; closed != protocol.ClosePolicy || n < 1000 || n > 1010 {
					t.Errorf("%v, closed with %d; want a thousand refusals, then %d", codes, closed, protocol.ClosePolicy)
				}
				_ = server.refused(t, resume(joined, 0), protocol.CodeUnauthorized)
			})
		})
	}
}

// TestLimitedFramesAreNotRead sends text that is no frame beyond the rate.
func TestLimitedFramesAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, defaultConfig())
		timePasses(time.Second)
		c := server.raw(t)
		codes, closed := c.flood(300, `{"type":"ping","type":"ping","id":ID}`)
		if codes[protocol.CodeBadFrame] != 8 || closed != protocol.ClosePolicy {
			t.Errorf("%v, closed with %d", codes, closed)
		}
		c = server.raw(t)
		_, _ = c.flood(200, `{"type":"ping","id":ID}`)
		codes, closed = c.flood(100, `{"type":"ping","type":"ping","id":ID}`)
		if codes[protocol.CodeRateLimited] != 100 || closed != 0 {
			t.Errorf("%v, closed with %d", codes, closed)
		}
	})
}

func TestSilentFramesCount(t *testing.T) {
	for name, opcode := range map[string]byte{"pings": 9, "pongs": 10, "empty fragments": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := serveMemory(t, defaultConfig())
				c := server.raw(t)
				some := []byte{opcode | 0x80, 0x80, 1, 2, 3, 4} // masked, empty
				blob := []byte{0x01, 0x80, 1, 2, 3, 4}
				if opcode == 0 {
					some[0] = 0
				} else {
					blob = nil
				}
				for range 2000 {
					blob = append(blob, some...)
				}
				go func() { _, _ = c.NetConn().Write(blob) }() // ends with the connection
				c.expectClose(protocol.ClosePolicy)
			})
		})
	}
}

// TestLargeFramesCountByTheirSize sends frames of 60 KB, each of which counts
// as eight.
func TestLargeFramesCountByTheirSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, defaultConfig())
		c := server.raw(t)
		codes, _ := c.flood(100, `{"type":"ping","id":ID,"x":"`+strings.Repeat("x", 60_000)+`"}`)
		if good := 100 - codes[protocol.CodeRateLimited]; good < 20 || good > 60 {
			t.Errorf("%d are taken, want about 25", good)
		}
		c = server.raw(t)
		codes, closed := c.flood(300, `{"type":"ping","id":ID,"x":"`+strings.Repeat("x", 60_000)+`"}`)
		if refused := codes[protocol.CodeRateLimited]; closed != protocol.ClosePolicy || refused < 30 || refused > 55 {
			t.Errorf("%d are refused, and the connection is closed with %d; want about 45, for each comes in 15 fragments as well, then %d", refused, closed, protocol.ClosePolicy)
		}
	})
}

func TestLimitedPostsAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := serveMemory(t, defaultConfig())
		p := server.httpPeer(t)
		for range 200 {
			post[protocol.Pong](p, `{"type":"ping"}`)
		}
		for range 1000 {
			if fault := post[protocol.Error](p, `no frame at all`); fault.Code != protocol.CodeRateLimited || !fault.Retry {
				t.Fatalf("error = %+v", fault)
			}
		}
		_, _ = p.ask(http.MethodPost, "frames", `{"type":"ping"}`)
		if status, body := p.ask(http.MethodPost, "frames", `{"type":"ping"}`); status != http.StatusUnauthorized {
			t.Errorf("%d %s, want the connection to have ended", status, body)
		}
	})
}

// TestPausedClientsAreReadOn sends more at once than one read takes, much of it
// beyond the rate. The rest is read after a pause, and answered.
func TestPausedClientsAreReadOn(t *testing.T) {
	const pings = 1100
	server := serve(t, defaultConfig())
	c := server.wire(t)
	c.write([]byte(oddHandshake), 0)
	c.expectAnswer(oddRequest{status: http.StatusSwitchingProtocols})
	var all []byte
	for i := range pings {
		all = append(all, clientFrame(0x81, fmt.Sprintf(`{"type":"ping","id":%d}`, i+1))...)
	}
	c.write(all, 0)
	limited := 0
	for i := range pings {
		_, text := c.frame()
		if strings.Contains(text, `"rate_limited"`) {
			limited++
		} else if !strings.HasPrefix(text, `{"type":"pong"`) {
			t.Fatalf("answer %d is %s", i, text)
		}
	}
	if limited < pings/2 || limited > 1000 {
		t.Errorf("%d pings were refused", limited)
	}
}
