package faultmodel

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// op is a kind of step.
type op int

const (
	opMessage   op = iota // one or some messages
	opFlood               // many large messages
	opRequest             // ping, ice or report
	opConfirm             // confirm what was seen
	opRejoin              // in the way that fits, unless connected
	opTakeOver            // resume though connected
	opOldSeq              // resume with a seq seen long ago
	opFutureSeq           // resume with a seq that does not exist yet
	opReload              // replace
	opAgain               // the same nonce again
	opForget              // forget everything and join
	opLeave
	opCut         // the connection ends now
	opCutLater    // the connection ends after some bytes
	opBlackhole   // the network swallows everything
	opCutAll      // all connections end now
	opRepeat      // an old request again
	opUseOldConn  // a request on a connection whose seat was taken over
	opGarbage     // text that is no frame
	opPause       // stop reading
	opContinue    // read again
	opConfirmRate // change how often events are confirmed
	opTime        // some time passes
	opKick
	opRestart // orderly
	opCrash   // without warning
	opCount
)

func (o op) String() string {
	return [...]string{
		"message", "flood", "request", "confirm", "rejoin", "take over", "old seq", "future seq", "reload", "again", "forget",
		"leave", "cut", "cut later", "blackhole", "cut all", "repeat", "old conn", "garbage", "pause", "continue",
		"confirm rate", "time", "kick", "restart", "crash",
	}[o]
}

// weights returns how often each op is drawn, in an ordinary history.
func weights() [opCount]int {
	return [opCount]int{
		opMessage: 40, opFlood: 2, opRequest: 6, opConfirm: 6, opRejoin: 20, opTakeOver: 4, opOldSeq: 4, opFutureSeq: 1,
		opReload: 4, opAgain: 2, opForget: 2, opLeave: 3, opCut: 7, opCutLater: 12, opBlackhole: 3, opCutAll: 1, opRepeat: 4,
		opUseOldConn: 3, opGarbage: 1, opPause: 3, opContinue: 3, opConfirmRate: 3, opTime: 6, opKick: 1, opRestart: 1, opCrash: 1,
	}
}

// step is one action. Its random choices come from its own seed, so that they
// stay the same when other steps are left out.
type step struct {
	op     op
	client int
	seed   uint64
	quiet  bool // wait until nothing is under way, and check everything
}

// plan is a history before it runs.
type plan struct {
	seed        uint64
	clients     int
	rooms       int
	capacity    int
	queue       int // messages that are stored for a slow reader
	queueBytes  int
	pipe        int // bytes under way in a connection
	grace, ping time.Duration
	events      bool // some connections are streams of events and POSTs
	steps       []step
}

func (p *plan) String() string {
	return fmt.Sprintf("%d clients, %d rooms, capacity %d, queue %d/%d, pipe %d, grace %v, ping %v, events %v",
		p.clients, p.rooms, p.capacity, p.queue, p.queueBytes, p.pipe, p.grace, p.ping, p.events)
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// newPlan draws a history.
func newPlan(seed uint64) *plan {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &plan{
		seed:       seed,
		clients:    2 + r.IntN(3),
		rooms:      pick(r, 1, 1, 1, 2),
		capacity:   pick(r, 2, 2, 3, 0),
		queue:      pick(r, 4, 32, 256),
		queueBytes: pick(r, 20_000, 1<<20),
		pipe:       pick(r, 300, 4096, 65536),
		grace:      pick(r, 0, 3*time.Second, 10*time.Second, 30*time.Second, 30*time.Second),
		ping:       pick(r, 0, 2*time.Second, 15*time.Second),
	}
	if p.events = r.IntN(4) == 0; p.events { // without pings nobody notices that no stream comes back
		p.ping = max(p.ping, 2*time.Second)
	}
	w := weights()
	for range 4 { // each history has its own character
		w[r.IntN(int(opCount))] *= 1 + r.IntN(6)
	}
	w[r.IntN(int(opCount))] = 0
	total := 0
	for _, each := range w {
		total += each
	}
	haste := r.IntN(4) // of four steps, how many do not wait for the one before
	for range 10 + r.IntN(50) {
		s := step{client: r.IntN(p.clients), seed: r.Uint64(), quiet: r.IntN(4) >= haste}
		n := r.IntN(total)
		for n >= w[s.op] {
			n -= w[s.op]
			s.op++
		}
		p.steps = append(p.steps, s)
	}
	return p
}
