package signaling_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// TestManyRoomsAtOnce has clients join, send, leave and disconnect at random in
// a few rooms. Events must arrive without gaps, no client may get anything from
// another room, and nothing may be left at the end.
func TestManyRoomsAtOnce(t *testing.T) {
	const clients, lives, rooms = 24, 6, 5
	server := serve(t, signaling.Config{Capacity: 4, Ping: signaling.DefaultPing})
	ctx := within(t)
	var running sync.WaitGroup
	for i := range clients {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		running.Go(func() {
			for range lives {
				if err := live(ctx, server, random, rooms); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	running.Wait()
	waitFor(t, "everybody to be gone", func() bool {
		s := server.Snapshot()
		return s.Connections == 0 && s.Rooms == 0 && s.Peers == 0
	})
	if s := server.Snapshot(); s.Messages == 0 || s.Full == 0 || s.BadFrames != 0 {
		t.Errorf("snapshot = %+v, want messages and full rooms", s)
	}
}

// live plays one connection: a few stays in rooms, and its end.
func live(ctx context.Context, server *testServer, random *rand.Rand, rooms int) error {
	c, err := server.call(ctx, "")
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // its end is what it is about
	for range 1 + random.IntN(4) {
		joined, err := c.Join(ctx, fmt.Sprint("room-", random.IntN(rooms)))
		if _, full := errors.AsType[*fullError](err); full {
			continue
		}
		if err != nil {
			return err
		}
		for range random.IntN(20) {
			if _, err := c.Send(ctx, "", "hello"); err != nil && code(err) != protocol.CodeAlone {
				return fmt.Errorf("send: %w", err)
			}
		}
		if random.IntN(4) == 0 {
			return nil // break off while seated
		}
		if err := c.Leave(ctx); err != nil {
			return err
		}
		if err := checkEvents(ctx, c, joined); err != nil {
			return err
		}
	}
	return nil
}

// checkEvents receives the events of one stay that has ended: all of them
// arrived before the reply to leave.
func checkEvents(ctx context.Context, c *caller, joined protocol.Joined) error {
	present := make(map[string]bool)
	for _, p := range joined.Peers {
		present[p.Peer] = true
	}
	for seq := uint64(1); c.Waiting() > 0; seq++ {
		event, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		if event.EventSeq() != seq {
			return fmt.Errorf("event %d is %#v", seq, event)
		}
		switch e := event.(type) {
		case protocol.OtherJoined:
			if present[e.Peer] {
				return fmt.Errorf("%s joined twice", e.Peer)
			}
			present[e.Peer] = true
		case protocol.MessageEvent:
			if !present[e.From] {
				return fmt.Errorf("message from %s, who is not there", e.From)
			}
		case protocol.Bye:
			if !present[e.Peer] {
				return fmt.Errorf("bye of %s, who is not there", e.Peer)
			}
			delete(present, e.Peer)
		}
	}
	return nil
}
