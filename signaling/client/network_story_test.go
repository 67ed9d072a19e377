package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// blocked is a proxy that does not support WebSockets.
func blocked(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte("<h1>not here</h1>"))
}

// Connections break at any byte, over both transports, and every message
// arrives once and in order.
func TestCutAtAnyByte(t *testing.T) {
	for name, proxy := range map[string]http.HandlerFunc{"websocket": nil, "http": blocked} {
		made := 0
		for seed := range uint64(20) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				onNetwork(t, func(t *testing.T, n *network) { //nolint:thelper // it is the test
					n.set(proxy, nil)
					ann, _ := n.seat("Ann")
					bo, joined := n.seat("Bo")
					n.set(proxy, between(seed, 300, 6000))
					n.cut()
					exchange(t, ann, bo, joined.Peer)
					made += n.made()
				})
			})
		}
		if made < 20*6 {
			t.Errorf("%s: only %d connections were made: hardly any broke", name, made)
		}
	}
}

// exchange sends messages, all of which must arrive.
func exchange(t *testing.T, from, to *client.Client, id string) {
	t.Helper()
	const messages = 60
	var sending sync.WaitGroup
	defer sending.Wait()
	for i := range messages {
		sent, err := from.Post(id, i)
		if err != nil {
			t.Fatal(err)
		}
		sending.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Hour)
			defer cancel()
			if _, err := sent.Ack(ctx); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		})
	}
	for i := range messages {
		if m := hearNext[protocol.MessageEvent](t, to); string(m.Data) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m.Data)
		}
	}
}

// The server is killed and restarted: the same peers are in the room.
func TestKilledServer(t *testing.T) {
	for name, proxy := range map[string]http.HandlerFunc{"websocket": nil, "http": blocked} {
		t.Run(name, func(t *testing.T) {
			onNetwork(t, func(t *testing.T, n *network) { //nolint:thelper // it is the test
				n.set(proxy, nil)
				ann, annJoined := n.seat("Ann")
				bo, boJoined := n.seat("Bo")
				n.kill()
				time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
				n.start()
				for c, before := range map[*client.Client]protocol.Joined{ann: annJoined, bo: boJoined} {
					hearNext[client.Interrupted](t, c)
					if back := hearNext[client.Rejoined](t, c); back.Resumed || back.Joined.Peer != before.Peer {
						t.Errorf("%+v, want peer %s", back, before.Peer)
					}
				}
				exchange(t, ann, bo, boJoined.Peer)
			})
		})
	}
}

// A seat moves to plain HTTP when WebSockets are blocked, and back later.
func TestFallbackAndBack(t *testing.T) {
	onNetwork(t, func(t *testing.T, n *network) { //nolint:thelper // it is the test
		ann, joined := n.seat("Ann")
		bo, boJoined := n.seat("Bo")
		n.set(blocked, nil)
		n.cut()
		if back := hearNext[client.Rejoined](t, ann); !back.Resumed {
			t.Error("the seat was not resumed over HTTP")
		}
		hearNext[client.Rejoined](t, bo)
		if got := n.transports()[joined.Peer]; got != "sse connected" {
			t.Errorf("Ann is %q", got)
		}
		exchange(t, ann, bo, boJoined.Peer)
		time.Sleep(5 * time.Minute) //nolint:forbidigo // in a bubble
		if got := n.transports()[joined.Peer]; got != "sse connected" {
			t.Errorf("after a while Ann is %q", got)
		}
		for range ann.Waiting() {
			if lost, ok := first(ann.Receive(t.Context())).(client.Interrupted); ok {
				t.Errorf("an idle stream broke: %v", lost.Err)
			}
		}
		n.set(nil, nil)
		n.cut()
		if back := hearNext[client.Rejoined](t, ann); !back.Resumed {
			t.Error("the seat was not resumed over a WebSocket")
		}
		hearNext[client.Rejoined](t, bo)
		if got := n.transports()[joined.Peer]; got != "websocket connected" {
			t.Errorf("Ann is %q", got)
		}
		exchange(t, bo, ann, joined.Peer)
	})
}

// A proxy opens the WebSocket but passes nothing on, or never answers.
func TestWebSocketThatCarriesNothing(t *testing.T) {
	var mu sync.Mutex
	var swallowed []*websocket.Conn
	for name, proxy := range map[string]http.HandlerFunc{
		"deaf": func(w http.ResponseWriter, r *http.Request) {
			ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
			if err == nil {
				mu.Lock()
				swallowed = append(swallowed, ws)
				mu.Unlock()
				for err == nil {
					_, _, err = ws.ReadMessage()
				}
			}
		},
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			onNetwork(t, func(t *testing.T, n *network) { //nolint:thelper // it is the test
				n.set(proxy, nil)
				ann, joined := n.seat("Ann")
				if got := n.transports()[joined.Peer]; got != "sse connected" {
					t.Errorf("Ann is %q", got)
				}
				if err := ann.Leave(t.Context()); err != nil {
					t.Error(err)
				}
				if got := n.transports(); len(got) != 0 {
					t.Errorf("left are %v", got)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, ws := range swallowed {
					_ = ws.Close()
				}
				swallowed = nil
			})
		})
	}
}

// A client that finds a room full may join later, on the same connection.
func TestFullThenFree(t *testing.T) {
	for name, proxy := range map[string]http.HandlerFunc{"websocket": nil, "http": blocked} {
		t.Run(name, func(t *testing.T) {
			onNetwork(t, func(t *testing.T, n *network) { //nolint:thelper // it is the test
				n.set(proxy, nil)
				ann, _ := n.seat("Ann")
				_, _ = n.seat("Bo")
				cy, err := client.Dial(t.Context(), client.Config{URL: "http://memory", DialContext: n.dial})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = cy.Close() }()
				if _, err := cy.Join(t.Context(), "room"); err == nil {
					t.Fatal("a third one joined")
				}
				if err := ann.Leave(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := cy.Join(t.Context(), "room"); err != nil {
					t.Errorf("Join after it was full: %v", err)
				}
				if _, err := cy.Join(t.Context(), "other"); !isCode(err, protocol.CodeAlreadyJoined) {
					t.Errorf("Join of a second room: %v", err)
				}
				if err := errors.Join(cy.Leave(t.Context()), cy.Close()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if got := n.transports(); len(got) != 1 {
					t.Errorf("left are %v", got)
				}
			})
		})
	}
}

func first[A any](a A, _ error) A { return a }
