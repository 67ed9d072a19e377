package e2e

import (
	"fmt"
	"testing"
	"time"

	"callbox/peer"
)

// TestMovesToDirectPath lets a bot and a page connect through a relay, because their networks do not reach each other, and
// then connects the networks. The bot, which offers and so is controlling, nominates a direct pair, and the page follows.
func TestMovesToDirectPath(t *testing.T) {
	lab, s := sharedLab(t), sharedServer(t)
	kinds := []string{"chromium"}
	if *endsFull {
		kinds = append(kinds, "firefox")
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			b := startBot(t, lab.A, s, "later-"+kind, "direct", time.Minute)
			s.awaitPeers(t, 1)
			page := openAt(t, side{kind, "b"}, s, "later-"+kind, nil)
			page.join()
			if err := eventually(t, patience, func() error {
				if n := page.observe().FramesDecoded; n < minBotFrames {
					return fmt.Errorf("%d frames", n)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			connectClients(t)
			reportFindings(t, side{kind, "b"}, page.observeUntil(expected{bot{}, "direct"}).check(expected{bot{}, "direct"}))
			page.click("leave")
			r := b.report(t)
			if p := r.Path; p.Type != peer.Direct || len(p.Moves) != 1 || p.Moves[0].From.Type != peer.Relayed || value(p.ICERestarts) != 0 {
				t.Errorf("the bot's path: %+v", p)
			}
			s.awaitPeers(t, 0)
		})
	}
}

// TestForeignProgramsFollow does the same with other programs. aiortc ends its checks with the first nomination, so
// the bot finds no direct pair that works both ways, and stays on the relay.
func TestForeignProgramsFollow(t *testing.T) {
	if !*endsFull {
		t.Skip("only with -ends.full: TestMovesToDirectPath is the short version")
	}
	lab := sharedLab(t)
	s := ownServer(t, "--turn-allow-peer", "10.77.0.0/16") // the programs use no relay of their own
	for name, program := range foreignPrograms {
		t.Run(name, func(t *testing.T) {
			f := startForeign(t, program.run)
			b := startBot(t, lab.A, s, "later-"+name, "direct", 10*time.Second)
			s.awaitPeers(t, 1)
			leave := f.answer(s, "later-"+name)
			var connected struct{ Connected bool }
			f.hear(&connected)
			connectClients(t)
			r := b.report(t)
			f.say("enough")
			var seen foreignSeen
			f.hear(&seen)
			leave()
			want, moves := peer.Direct, 1
			if name == "aiortc" {
				want, moves = peer.Relayed, 0
			}
			if p := r.Path; r.ExitCode != peer.Good || p.Type != want || len(p.Moves) != moves {
				t.Errorf("exit code %d, the bot's path: %+v", r.ExitCode, p)
			}
			if sent, got := seen.Frames, value(r.Received("video").Frames.Received); sent < 100 || got < 100 {
				t.Errorf("the program has seen %d frames, and the bot %d", sent, got)
			}
			s.awaitPeers(t, 0)
		})
	}
}
