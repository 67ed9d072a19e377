package faultmodel

import (
	"context"
	"flag"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling"
)

var (
	faultHistories = flag.Int("fault.histories", 0, "play so many histories in the fault tests; 0 = a fair number")
	faultSeed      = flag.Uint64("fault.seed", 0, "play the history of this seed alone and print its log")
	faultFirst     = flag.Uint64("fault.first", 1, "the first seed")
	faultShrink    = flag.Bool("fault.shrink", true, "look for a shorter history that breaks a rule too")
	faultSteps     = flag.String("fault.steps", "", "with -fault.seed: play only these steps, as in 0,4,5")
)

// patience is how long to wait for what should happen soon, even on a busy
// machine.
const patience = 60 * time.Second

// Remains returns what a server without clients still holds, except the
// tombstones: nothing, if all is well.
type Remains func(*signaling.Server) []string

// InMemory plays histories in memory and with virtual time.
//
// Everything random comes from the seed, except peer ids and the order in which
// goroutines run: a replay has the same events, but not always in the same
// order.
//
// Here, no code in a bubble may start a timer that is already due. The runtime runs
// such a timer at once, in the goroutine that starts it, and all timers of a bubble
// share one context of the race detector. When two goroutines use it at the same
// time, the process ends with "ThreadSanitizer: CHECK failed: tsan_rtl.cpp:346",
// which names kEpochLast, or with a SIGSEGV (golang/go#78156, Go 1.26.8). So
// memoryStream starts no timer for a deadline that has passed, as net.Pipe does not.
// How many bubbles a process runs does not matter.
func InMemory(t *testing.T, remains Remains) {
	t.Helper()
	playAll(t, 2000, runtime.GOMAXPROCS(0), func(t *testing.T, p *plan) *history {
		t.Helper()
		return playInMemory(t, p, remains)
	})
}

// OnSockets plays histories over sockets, where the server writes without
// waiting. Time is real there, so grace times are short, and what depends on the
// exact time is not checked.
func OnSockets(t *testing.T, remains Remains) {
	t.Helper()
	playAll(t, 200, 16, func(t *testing.T, p *plan) *history { // most of the time they wait
		t.Helper()
		return playOnSockets(t, p, remains)
	})
}

// playAll plays histories, several at a time, until one breaks a rule.
func playAll(t *testing.T, usual, workers int, play func(*testing.T, *plan) *history) {
	t.Helper()
	if *faultSeed != 0 {
		h := play(t, replayed(t))
		t.Logf("%v\n%s", h.plan, h.story())
		if h.failed() {
			t.Errorf("a rule is broken: %v", h.faults)
		}
		return
	}
	count := usual
	if workers <= runtime.GOMAXPROCS(0) {
		count /= raceFactor
	}
	if *faultHistories != 0 {
		count = *faultHistories
	}
	var next atomic.Uint64
	next.Store(*faultFirst)
	last := *faultFirst + uint64(count)
	var playing sync.WaitGroup
	defer playing.Wait()
	for range workers {
		playing.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= last {
					return
				}
				start := time.Now()
				if h := play(t, newPlan(seed)); h.failed() {
					next.Store(last)
					report(t, h, time.Since(start) < time.Second, play)
				}
			}
		})
	}
}

// replayed returns the plan that the flags ask for.
func replayed(t *testing.T) *plan {
	t.Helper()
	p := newPlan(*faultSeed)
	if *faultSteps == "" {
		return p
	}
	var steps []step
	for text := range strings.SplitSeq(*faultSteps, ",") {
		i, err := strconv.Atoi(text)
		if err != nil || i >= len(p.steps) {
			t.Fatalf("there is no step %q", text)
		}
		steps = append(steps, p.steps[i])
	}
	p.steps = steps
	return p
}

// report reports a history that broke a rule, without the steps that the fault
// does not need.
func report(t *testing.T, h *history, quick bool, play func(*testing.T, *plan) *history) {
	t.Helper()
	kept := "…"
	if quick && *faultShrink {
		h, kept = shrink(t, h, play)
	}
	name, _, _ := strings.Cut(t.Name(), "/")
	command := fmt.Sprintf("go test ./signaling -run '^%s$' -fault.seed=%d", name, h.seed)
	t.Errorf("seed %d breaks a rule: %v\n%v\n%s\nreplay the whole: %s\nreplay this:      %s -fault.steps=%s",
		h.seed, h.faults, h.plan, h.story(), command, command, kept)
}

// shrink leaves out steps as long as a rule is still broken.
func shrink(t *testing.T, h *history, play func(*testing.T, *plan) *history) (smallest *history, kept string) {
	t.Helper()
	whole := newPlan(h.seed).steps
	indices := make([]int, len(whole))
	for i := range indices {
		indices[i] = i
	}
	deadline := time.Now().Add(10 * time.Second)
	for size := len(indices) / 2; size > 0 && time.Now().Before(deadline); size /= 2 {
		for at := 0; at+size <= len(indices) && time.Now().Before(deadline); {
			fewer := slices.Concat(indices[:at], indices[at+size:])
			p := newPlan(h.seed)
			p.steps = nil
			for _, i := range fewer {
				p.steps = append(p.steps, whole[i])
			}
			if smaller := play(t, p); smaller.failed() {
				h, indices = smaller, fewer
			} else {
				at += size
			}
		}
	}
	return h, strings.Trim(strings.ReplaceAll(fmt.Sprint(indices), " ", ","), "[]")
}

func playInMemory(t *testing.T, p *plan, remains Remains) (h *history) {
	t.Helper()
	defer func() {
		if fault := recover(); fault != nil && h != nil { // goroutines of it are still there
			h.fault("%v", fault)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		h = newHistory(t, p, remains, true)
		listener := NewListener(func() (near, far net.Conn) { return memoryPipe(p.pipe) })
		h.dial = func() (net.Conn, error) { return listener.Dial(context.Background(), "", "") }
		h.play(listener)
	})
	return h
}

func playOnSockets(t *testing.T, p *plan, remains Remains) *history {
	t.Helper()
	p.events = false
	p.grace = min(p.grace/20, time.Second)
	p.ping *= 5 // on a busy machine somebody may be silent for some seconds
	// With a few places only, it depends on the moment who is taken for slow.
	p.queue, p.queueBytes = 256, 1<<20
	h := newHistory(t, p, remains, false)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.dial = func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
	h.play(listener)
	return h
}
