package siege

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"callbox/e2e/need"
	"callbox/peer"
)

var (
	full   = flag.Bool("siege.full", false, "run each attack for a minute, with 1 GiB of memory and 1024 descriptors")
	greedy = flag.Bool("siege.greedy", false, "also run attacks that take all seats and relays within the limits, which affects newcomers")
	during = flag.Duration("siege.for", 0, "duration of each attack; 0 = the usual duration")
)

// scale says how large a siege is, and what counts as too slow.
type scale struct {
	files, data int // descriptors, and bytes of RLIMIT_DATA
	flags       []string
	each        int           // attackers' connections from each of their addresses
	lead        time.Duration // from the start of an attack until people join
	during      time.Duration // of each attack
	settle      time.Duration // how long the server may take to free everything afterwards

	calls, rooms, users int
	fps, message        int
	pause               time.Duration // between messages of one person
	pace                time.Duration // between new rooms

	ackWithin, joinWithin, healthWithin, gap time.Duration
	missing                                  float64 // share of a call's frames
	logRate                                  float64 // bytes per second
}

func chosenScale() *scale {
	s := shortScale()
	if *full {
		s = fullScale()
	}
	if *during > 0 {
		s.lead = time.Duration(float64(s.lead) * during.Seconds() / s.during.Seconds())
		s.during = *during
	}
	return s
}

func fullScale() *scale {
	return &scale{
		files: 1024, data: 1 << 30, each: 200, lead: 5 * time.Second, during: time.Minute, settle: time.Minute,
		calls: 20, rooms: 50, users: 150, fps: 5, message: 8 << 10, pause: time.Second, pace: 150 * time.Millisecond,
		ackWithin: 10 * time.Second, joinWithin: 15 * time.Second, healthWithin: time.Second, gap: 3 * time.Second,
		missing: 0.02, logRate: 10e3,
	}
}

func shortScale() *scale {
	return &scale{
		files: 640, data: 256 << 20, flags: []string{"--grace", "10s", "--ping", "5s"},
		each: 16, lead: 500 * time.Millisecond, during: 2 * time.Second, settle: 30 * time.Second,
		calls: 3, rooms: 10, users: 20, fps: 5, message: 8 << 10, pause: 250 * time.Millisecond, pace: 110 * time.Millisecond,
		ackWithin: 20 * time.Second, joinWithin: 30 * time.Second, healthWithin: 5 * time.Second, gap: 10 * time.Second,
		missing: 0.05, logRate: 100e3,
	}
}

// attack is one attack of the program in the folder attack.
type attack struct {
	name    string
	numbers string   // its rows in the table of docs/security.md
	from    []string // source addresses; nil = those of attackers()
}

// plan is a server and the attacks on it, one after the other.
type plan struct {
	name    string
	secret  bool // joins need a token
	attacks []attack
}

func plans() []plan {
	open := []attack{
		{"keepalive", "1", nil},
		{"unfinished", "1", nil},
		{"streams", "2", nil},
		{"reports", "11", nil},
		{"flood", "18", nil},
		{"sessions", "9", nil},
		{"spoofed", "15", []string{botsAddr, usersAddr}},
		{"turn", "1", nil},
		// After these, the attackers' shares of memory stay in use for the grace time.
		{"unconfirmed", "3, 10", nil},
		{"frames", "10", nil},
		{"away", "3", nil},
	}
	tokens := plan{"guarded", true, []attack{{"tokens", "12", []string{botsAddr, usersAddr, roomsAddr}}}}
	if *full || *greedy {
		open = append(open, attack{"relays", "13", nil})
	}
	if *greedy {
		open = append(open, attack{"seats", "", nil})
	}
	if !*full {
		return []plan{{"open", false, open}, tokens}
	}
	all := []plan{tokens}
	for _, a := range open {
		all = append(all, plan{a.name, false, []attack{a}})
	}
	return all
}

// TestSiege attacks servers while people use them.
func TestSiege(t *testing.T) {
	need.Root(t)
	need.Program(t, "ip")
	setUpNetwork(t)
	reduceWeight := weightReducer(t)
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	row := func(text string) {
		if _, err := io.WriteString(w, text+"\n"); err != nil {
			t.Error(err)
		}
	}
	row("attack\ttried\tlet in\theld\tfaults\tjoin ≤\tresume ≤\tack ≤\tframe gap ≤\thealthz ≤\tRSS MiB\tdata MiB\ttaken MiB\tfds\tlog KiB\t")
	for _, p := range plans() {
		t.Run(p.name, func(t *testing.T) {
			s := startSiege(t, p.secret)
			defer s.end(t)
			before := s.reading(t)
			for _, a := range p.attacks {
				if !s.server.dead() {
					t.Run(a.name, func(t *testing.T) { row(s.run(t, a, reduceWeight)) })
				}
			}
			if !s.server.dead() {
				t.Run("afterwards", func(t *testing.T) { s.settle(t, before) })
			}
		})
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	t.Logf("results:\n%s", &table)
}

// siege is a server with people who use it, and a monitor.
type siege struct {
	*env
	monitor *monitor
	rooms   []*pair
	calls   []*call
	stop    func() // stops the monitor
}

// startSiege starts a server, the pairs and the calls.
func startSiege(t *testing.T, secret bool) *siege {
	t.Helper()
	s := &siege{env: &env{scale: chosenScale(), outcomes: newOutcomes()}, monitor: &monitor{}}
	var flags []string
	if secret {
		flags = []string{"--join-secret", "stored"}
	}
	s.server = startServer(t, s.scale, flags...)
	if secret {
		out, err := exec.CommandContext(t.Context(), filepath.Join(programs, "callbox"), "token", "--room", "*", "--data", s.server.data, "--join-secret", "stored").Output()
		if err != nil {
			t.Fatalf("callbox token: %v", err)
		}
		s.token = strings.TrimSpace(string(out))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	wait := s.monitor.start(ctx, s.server, s.scale.healthWithin)
	s.stop = func() {
		cancel()
		wait()
	}
	s.rooms = s.startPairs(t.Context(), roomsAddr, "room", s.scale.rooms)
	s.calls = s.startCalls(t.Context(), s.scale.calls)
	s.report(t, s.outcomes.drain())
	return s
}

// report fails a subtest for each aspect with faults.
func (s *siege) report(t *testing.T, l *outcomes) {
	t.Helper()
	for _, c := range aspects() {
		t.Run(string(c), func(t *testing.T) { fail(t, l.faults[c]) })
	}
}

// fail fails the test if there are faults, and reports the first five.
func fail(t *testing.T, faults []string) {
	t.Helper()
	const some = 5
	if len(faults) > 0 {
		t.Errorf("%d faults:\n%s", len(faults), strings.Join(faults[:min(some, len(faults))], "\n"))
	}
}

// run runs an attack while people join and leave, and checks what they and the monitor
// have measured. It returns a row of the table.
func (s *siege) run(t *testing.T, a attack, reduceWeight func(pid int) error) string {
	t.Helper()
	s.monitor.drain()
	logged := s.server.logBytes()
	wait := s.startAttack(t, a, reduceWeight)
	s.simulateUsers(t, a.name)
	result := wait(t)
	for _, c := range s.calls {
		for _, side := range c.sides {
			side.check()
		}
	}
	seen, l := s.monitor.drain(), s.outcomes.drain()
	logged = s.server.logBytes() - logged
	s.report(t, l)
	t.Run("healthz", func(t *testing.T) { fail(t, seen.faults) })
	t.Run("memory", func(t *testing.T) {
		if seen.held > seen.budget || seen.budget == 0 {
			t.Errorf("of a budget of %.0f MiB, %.0f MiB were in use", seen.budget/(1<<20), seen.held/(1<<20))
		}
		if most := s.scale.data / 8 * 7; seen.resident > most {
			t.Errorf("%d MiB were resident, more than %d", seen.resident>>20, most>>20)
		}
	})
	t.Run("log", func(t *testing.T) {
		if most := s.scale.logRate * (s.scale.during + 2*time.Second).Seconds(); float64(logged) > most {
			t.Errorf("%d bytes were logged, more than %.0f", logged, most)
		}
	})
	t.Run("attack", func(t *testing.T) {
		if result.Tried == 0 || result.Opened == 0 {
			t.Errorf("the attack had no effect: %+v", result)
		}
	})
	if s.server.dead() {
		t.Errorf("the server has ended: %v\n%s", s.server.command.ProcessState, s.server.logExcerpt())
	}
	faults := len(seen.faults)
	for _, c := range aspects() {
		faults += len(l.faults[c])
	}
	ms := time.Millisecond
	return fmt.Sprintf("%s (%s)\t%d\t%d\t%d\t%d\t%v\t%v\t%v\t%v\t%v\t%d\t%d\t%.0f\t%d\t%d\t", a.name, a.numbers, result.Tried, result.Opened, result.Most, faults,
		l.worst[joining].Round(ms), l.worst[resuming].Round(ms), l.worst[messaging].Round(ms), l.worst[calling].Round(ms), seen.health.Round(ms),
		seen.resident>>20, seen.data>>20, seen.held/(1<<20), seen.files, logged>>10)
}

// simulateUsers has users join during the attack, lose their connections and resume,
// make a call, and leave.
func (s *siege) simulateUsers(t *testing.T, name string) {
	t.Helper()
	end := time.Now().Add(s.scale.during)
	sleep(t.Context(), s.scale.lead)
	called := make(chan struct{})
	go func() {
		defer close(called)
		s.callOnce(t.Context(), "late-"+name)
	}()
	users := s.startPairs(t.Context(), usersAddr, "user-"+name, s.scale.users/2)
	for i, pr := range users {
		if i%3 == 0 {
			pr.people[0].cut()
		}
	}
	<-called
	for _, pr := range users {
		pr.people[0].awaitRejoin(t.Context())
	}
	sleep(t.Context(), time.Until(end))
	leavePairs(t.Context(), users)
}

// callOnce makes a new relayed call and ends it.
func (s *siege) callOnce(ctx context.Context, name string) {
	begun := time.Now()
	if c := s.startCall(ctx, name, peer.TURNOverUDP); c != nil {
		s.outcomes.success(relaying, time.Since(begun))
		c.end()
	}
}

// attackResult is the output of the attack program.
type attackResult struct {
	Tried, Opened, Most, Sent int64
	Fault                     string
}

// startAttack starts an attack. The function that it returns waits for the end.
func (s *siege) startAttack(t *testing.T, a attack, reduceWeight func(pid int) error) func(t *testing.T) attackResult {
	t.Helper()
	from := a.from
	if from == nil {
		from = attackers()
	}
	v4 := "127.0.0.1"
	if a.from != nil {
		v4 = publicAddr
	}
	p := s.server.ports
	command := exec.Command(filepath.Join(programs, "attack"), "-http", p.http, "-https", p.https, "-udp", p.udp, "-tcp", p.tcp, "-tls", p.tls,
		"-v4", v4, "-v6", server6, "-each", fmt.Sprint(s.scale.each), "-from", strings.Join(from, ","), "-for", s.scale.during.String(), a.name)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := reduceWeight(command.Process.Pid); err != nil {
		t.Error(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	return func(t *testing.T) (r attackResult) {
		t.Helper()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(s.scale.during + 20*time.Second):
			t.Error("the attack does not end")
			_ = command.Process.Kill()
			t.Log(<-ended)
		}
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Error(err)
		}
		t.Logf("%+v", r)
		return r
	}
}

// end ends the calls, the pairs and the monitor.
func (s *siege) end(t *testing.T) {
	t.Helper()
	for _, c := range s.calls {
		c.end()
	}
	leavePairs(t.Context(), s.rooms)
	s.stop()
	if l := s.outcomes.drain(); !s.server.dead() { // if it is, that has been reported
		s.report(t, l)
	}
}

// gauges returns the metrics that must not be higher after an attack than before.
func gauges() []string {
	return []string{
		"callbox_signaling_peers", "callbox_signaling_rooms", "callbox_signaling_connections",
		"callbox_turn_allocations", "callbox_turn_connections", "callbox_memory_used_bytes",
	}
}

// reading is the state of the server before or after the attacks.
type reading struct {
	usage
	heap    float64
	metrics map[string]float64
}

func (s *siege) reading(t *testing.T) reading {
	t.Helper()
	r, err := s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *siege) read(ctx context.Context) (reading, error) {
	// This collects garbage first, which must not count.
	if _, err := s.server.get(ctx, "/debug/pprof/heap?gc=1"); err != nil {
		return reading{}, err
	}
	metrics, err := s.server.metrics(ctx)
	if err != nil {
		return reading{}, err
	}
	used, err := s.server.usage()
	return reading{used, metrics["go_memstats_heap_inuse_bytes"], metrics}, err
}

// How much more the server may use after an attack than before.
const (
	heapLeft  = 16 << 20
	filesLeft = 16
)

// slack is by how much metrics vary without an attack.
var slack = map[string]float64{"callbox_memory_used_bytes": 4 << 20}

// settle waits until the server uses no more than before the attacks.
func (s *siege) settle(t *testing.T, before reading) {
	t.Helper()
	limited, cancel := context.WithTimeout(t.Context(), s.scale.settle)
	defer cancel()
	for {
		now, err := s.read(context.WithoutCancel(limited))
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, name := range gauges() {
			if now.metrics[name] > before.metrics[name]+slack[name] {
				left = append(left, fmt.Sprintf("%s is %v, was %v", name, now.metrics[name], before.metrics[name]))
			}
		}
		if now.heap > before.heap+heapLeft {
			left = append(left, fmt.Sprintf("the heap is %.0f MiB, was %.0f", now.heap/(1<<20), before.heap/(1<<20)))
		}
		if now.files > before.files+filesLeft {
			left = append(left, fmt.Sprintf("%d descriptors are open, were %d", now.files, before.files))
		}
		if len(left) == 0 {
			t.Logf("before: RSS %d MiB, %d descriptors; after: %d MiB, %d", before.resident>>20, before.files, now.resident>>20, now.files)
			return
		}
		if !sleep(limited, time.Second) {
			t.Fatalf("after %v:\n%s", s.scale.settle, strings.Join(left, "\n"))
		}
	}
}
