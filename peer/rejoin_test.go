package peer_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"callbox/peer"
	"callbox/signaling"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// connected returns the ids of the connected peers in the room, sorted.
func (s *server) connected() []string {
	var ids []string
	for _, room := range s.signaling.Rooms() {
		for _, p := range room.Peers {
			if p.State == "connected" {
				ids = append(ids, p.Peer)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// awaitBack waits until the same peers are in the room again.
func awaitBack(tb testing.TB, s *server, ids []string) {
	tb.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); !slices.Equal(s.connected(), ids); <-poll.C {
		if time.Now().After(deadline) {
			tb.Fatalf("in the room are %v, want %v", s.connected(), ids)
		}
	}
}

// threeParts signals when the frames of three parts of a call have been received.
type threeParts struct {
	count int
	parts [3]chan struct{}
}

func newThreeParts() *threeParts {
	p := &threeParts{}
	for i := range p.parts {
		p.parts[i] = make(chan struct{})
	}
	return p
}

const partFrames = 10

func (p *threeParts) Frame(r peer.ReceivedFrame) {
	if !r.Intact {
		return
	}
	p.count++
	if i := p.count / partFrames; p.count%partFrames == 0 && i <= len(p.parts) {
		close(p.parts[i-1])
	}
}

// callThrough makes a call during which a fault begins and ends, and checks that the
// media was not affected.
func callThrough(t *testing.T, s *server, begin, end func()) {
	t.Helper()
	a, b := s.bot(t, "Ann"), s.bot(t, "Bo")
	toA, toB := newThreeParts(), newThreeParts()
	a.Sink, b.Sink = toA, toB
	first, second := join(t, a), join(t, b)
	await(t, "frames at the first", toA.parts[0])
	await(t, "frames at the second", toB.parts[0])
	ids := s.connected()
	if len(ids) != 2 {
		t.Fatalf("in the room are %v", ids)
	}
	begin()
	await(t, "frames at the first during the fault", toA.parts[1])
	await(t, "frames at the second during the fault", toB.parts[1])
	end()
	awaitBack(t, s, ids)
	await(t, "frames at the first after the fault", toA.parts[2])
	await(t, "frames at the second after the fault", toB.parts[2])
	first.Hangup()
	for _, r := range []*peer.Report{first.Wait(), second.Wait()} {
		checkMedia(t, r)
		if r.Path == nil || *r.Path.ICERestarts != 0 {
			t.Errorf("path: %+v", r.Path)
		}
	}
	if reason := second.Wait().Reason; !strings.Contains(reason, "Ann left") {
		t.Errorf("the second ended because %q, want the word that the first left", reason)
	}
}

// The server is killed during a call and restarted.
func TestCallOutlivesAKilledServer(t *testing.T) {
	t.Parallel()
	s := serveHeld(t, signaling.DefaultGrace, nil)
	callThrough(t, s, func() { s.kill(t) }, func() { s.restart(t) })
}

// All connections to the server break, but the server runs.
func TestCallOutlivesBrokenConnections(t *testing.T) {
	t.Parallel()
	s := serveHeld(t, signaling.DefaultGrace, nil)
	callThrough(t, s, s.cut, func() {})
}

// Seats time out while the media goes on, and are reclaimed.
func TestCallOutlivesItsSeats(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	callThrough(t, s, s.cut, func() {})
}

// The server is killed between offer and answer: the offer and its candidates are
// sent again, with the same call number.
func TestServerKilledInNegotiation(t *testing.T) {
	t.Parallel()
	s := serveHeld(t, signaling.DefaultGrace, nil)
	bot := join(t, s.listener(t))
	p := openWith(t, client.Config{URL: s.url, Name: "page"})
	p.build(1)
	before := p.hearDescription("offer")
	ids := s.connected()
	s.kill(t)
	s.restart(t)
	awaitBack(t, s, ids)
	after := p.hearDescription("offer")
	if after.Call != before.Call || username(after.Description) != username(before.Description) {
		t.Errorf("another offer, of call %d", after.Call)
	}
	p.say(protocol.CallData{Description: p.answer(after.Description)})
	p.sayCandidates()
	await(t, "connection", p.connected)
	await(t, "connection at the bot", bot.Connected())
}

// username returns the ICE user name of a description, which a restart changes.
func username(d *protocol.Description) string {
	for line := range strings.Lines(d.SDP) {
		if name, ok := strings.CutPrefix(line, "a=ice-ufrag:"); ok {
			return name
		}
	}
	return ""
}

// A peer that takes the place of one whose signaling broke ends the call with that one.
func TestSomebodyElseTakesThePlace(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.Duration = -1
	bot := join(t, cfg)
	p := open(t, s)
	p.answerCall(1)
	await(t, "connection at the bot", bot.Connected())
	if err := p.client.Close(); err != nil {
		t.Fatal(err)
	}
	awaitBack(t, s, []string{p.other})
	open(t, s)
	await(t, "the end of the call", bot.Done())
	// It was connected, but the page sent nothing.
	checkOutcome(t, bot.Wait(), peer.NoMedia, "neither video nor audio")
}

// The server's operator gets one report from each side about how the call connected.
func TestConnectedIsReported(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	callUntil(t, s.bot(t, "Ann"), s.bot(t, "Bo"), 5)
	for range 2 {
		event, data, _ := strings.Cut(<-s.reports, " ")
		var said struct {
			SetupMS  *float64 `json:"setup_ms"`
			Path     string   `json:"path"`
			Protocol string   `json:"protocol"`
		}
		err := json.Unmarshal([]byte(data), &said)
		if err != nil || event != "connected" || said.SetupMS == nil || said.Path != "direct" || said.Protocol != "udp" {
			t.Errorf("reported %s %s: %v", event, data, err)
		}
	}
	if len(s.reports) != 0 {
		t.Errorf("%d reports too many", len(s.reports))
	}
}
