package signaling_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

func TestFivePeersWithoutCapacity(t *testing.T) {
	server := serve(t, signaling.Config{})
	var clients []*caller
	var ids []string
	for i := range 5 {
		c, joined := server.join(t, fmt.Sprint("peer ", i), "open")
		t.Run(fmt.Sprint("peer ", i, " joins"), func(t *testing.T) {
			if joined.Capacity != 0 || len(joined.Peers) != i {
				t.Fatalf("joined = %+v, want capacity 0 and %d peers", joined, i)
			}
			for k, p := range joined.Peers {
				if p.Peer != ids[k] || p.Name != fmt.Sprint("peer ", k) || !p.Polite || p.Away {
					t.Errorf("peers[%d] = %+v", k, p)
				}
			}
			for _, other := range clients {
				if e := receive[protocol.OtherJoined](t, other); e.Peer != joined.Peer || e.Polite {
					t.Errorf("other_joined = %+v", e)
				}
			}
		})
		clients, ids = append(clients, c), append(ids, joined.Peer)
	}
	t.Run("a message to all", func(t *testing.T) {
		ack, err := clients[2].Send(within(t), "", "hello")
		if want := slices.Delete(slices.Clone(ids), 2, 3); err != nil || !slices.Equal(ack.To, want) || ack.Failed != nil {
			t.Errorf("Send to all = %+v, %v, want to %v", ack, err, want)
		}
		for i, c := range clients {
			if i == 2 {
				continue
			}
			if e := receive[protocol.MessageEvent](t, c); e.From != ids[2] || string(e.Data) != `"hello"` {
				t.Errorf("peer %d: message = %+v", i, e)
			}
		}
	})
	t.Run("one leaves", func(t *testing.T) {
		if err := clients[0].Leave(within(t)); err != nil {
			t.Fatal(err)
		}
		for i, c := range clients[1:] {
			// The number is one more than that of the events before: none was lost.
			want := uint64(4 - i + 1)
			if i+1 == 2 {
				want-- // it got no message
			}
			if e := receive[protocol.Bye](t, c); e.Peer != ids[0] || e.Reason != protocol.ReasonLeft || e.Seq != want {
				t.Errorf("peer %d: bye = %+v, want seq %d", i+1, e, want)
			}
		}
	})
}

func TestRaceForTheLastSeat(t *testing.T) {
	const rounds = 1000
	server := serve(t, signaling.Config{Capacity: 2, Ping: signaling.DefaultPing})
	holder, _ := server.join(t, "holder", "last")
	racers := []*caller{server.dial(t, "a"), server.dial(t, "b")}
	ctx := within(t)
	seq := uint64(0)
	for round := range rounds {
		barrier := make(chan struct{})
		errs := make([]error, len(racers))
		var running sync.WaitGroup
		for i, c := range racers {
			running.Go(func() {
				<-barrier
				_, errs[i] = c.Join(ctx, "last")
			})
		}
		close(barrier)
		running.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if _, full := errors.AsType[*fullError](errs[1-winner]); !full || errs[winner] != nil {
			t.Fatalf("round %d: joins gave %v and %v, want one joined and one full", round, errs[0], errs[1])
		}
		if err := racers[winner].Leave(ctx); err != nil {
			t.Fatal(err)
		}
		in, out := receive[protocol.OtherJoined](t, holder), receive[protocol.Bye](t, holder)
		if in.Seq != seq+1 || out.Seq != seq+2 || in.Peer != out.Peer {
			t.Fatalf("round %d: the holder got %+v and %+v after seq %d", round, in, out, seq)
		}
		seq += 2
	}
	if s := server.Snapshot(); s.Full != rounds || s.Joined != rounds+1 {
		t.Errorf("snapshot: %d full, %d joined, want %d and %d", s.Full, s.Joined, rounds, rounds+1)
	}
}

func TestRoomsLeaveNothingBehind(t *testing.T) {
	const connections, rooms = 8, 10000
	server := serve(t, signaling.Config{Capacity: 2, Ping: signaling.DefaultPing})
	ctx := within(t)
	goroutines := runtime.NumGoroutine()
	clients := make([]*caller, connections)
	for i := range clients {
		clients[i] = server.dial(t, "")
	}
	visit := func(count int) {
		var running sync.WaitGroup
		for i, c := range clients {
			running.Go(func() {
				for n := i; n < count; n += connections {
					if _, err := c.Join(ctx, fmt.Sprintf("room-%d-of-%d", n, count)); err != nil {
						t.Error(err)
						return
					}
					if err := c.Leave(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		running.Wait()
	}
	visit(500) // what the first use costs once
	before := heap()
	visit(rooms)
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes over %d rooms", before, after, rooms)
	}
	if s := server.Snapshot(); s.Rooms != 0 || s.Peers != 0 || s.Joined != rooms+500 || s.Connections != connections {
		t.Errorf("snapshot = %+v, want no room, no peer", s)
	}
	for _, c := range clients {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	goroutines += runtime.GOMAXPROCS(0) // the pollers
	waitFor(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
	waitFor(t, "the connections to be forgotten", func() bool { return server.Snapshot().Connections == 0 })
}

// heap returns the bytes that are in use after garbage collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// waitFor waits for a condition that nothing signals.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx := within(t)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestRoomNamesAreComparedInNFC(t *testing.T) {
	server := serve(t, signaling.Config{Limits: signaling.DefaultLimits()})
	_, first := server.join(t, "", "caf\u00e9")
	_, second := server.join(t, "", "cafe\u0301")
	if len(second.Peers) != 1 || second.Room != first.Room || second.Room != "caf\u00e9" {
		t.Errorf("joined %q with peers %v, want the same room as %q", second.Room, second.Peers, first.Room)
	}
}
