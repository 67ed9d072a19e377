//go:build linux

// Load is the clients of bench turn: one thread that allocates, sends at a
// fixed rate and checks every byte that comes back, over raw sockets and epoll
// and without garbage, so that it costs less than any server. Bench starts it;
// it prints a line of JSON for each measurement.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// memoryLimit is where garbage is collected after all.
const memoryLimit = 2 << 30

type options struct {
	server, transport, secret string
	path, rates, framing      string
	bytes, flows, burst, pid  int
	coalesce, spin            bool
	warm, measure, settle     time.Duration
	search                    float64
	idle, tries               int
}

func main() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1) //nolint:forbidigo // the one place that ends the program
	}
}

func parse(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&o.server, "server", "", "where the server is, ADDRESS:PORT")
	flags.StringVar(&o.transport, "transport", "udp", "of the clients: udp, tcp, tls")
	flags.StringVar(&o.secret, "secret", "", "that the server shares with who makes credentials")
	flags.StringVar(&o.path, "path", "pair", "of the packets: pair, up, down, forward")
	flags.StringVar(&o.framing, "framing", "channel", "of the packets: channel, indication")
	flags.StringVar(&o.rates, "rates", "20000", "packets a second in all, with commas; each is measured")
	flags.Float64Var(&o.search, "search", 0, "packets a second up to which the highest rate without loss is looked for, in place of -rates")
	flags.IntVar(&o.bytes, "bytes", 1000, "of a payload, a multiple of 4")
	flags.IntVar(&o.flows, "flows", 20, "that send in turn")
	flags.IntVar(&o.burst, "burst", 1, "packets that a flow sends at a time")
	flags.BoolVar(&o.coalesce, "coalesce", false, "a burst is one buffer to the kernel (UDP_SEGMENT), and comes as such (UDP_GRO)")
	flags.BoolVar(&o.spin, "spin", false, "never sleep: for a processor that is the clients' own")
	flags.IntVar(&o.pid, "pid", 0, "process of the server, to measure its CPU time")
	flags.IntVar(&o.tries, "tries", 3, "how often something is measured at most while other programs are busy")
	flags.IntVar(&o.idle, "idle", 0, "allocations that do nothing, in place of packets")
	flags.DurationVar(&o.warm, "warm", 500*time.Millisecond, "time before each measurement")
	flags.DurationVar(&o.measure, "for", 2*time.Second, "time of each measurement")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "from the last idle allocation to the look at the memory")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return o, o.check(flags.Args())
}

func (o *options) check(rest []string) (err error) {
	if len(rest) > 0 {
		err = fmt.Errorf("%q is no flag", rest[0])
	}
	if o.bytes%4 != 0 || o.bytes < headBytes || o.bytes > mostBytes {
		err = errors.Join(err, fmt.Errorf("-bytes %d is no multiple of 4 from %d to %d", o.bytes, headBytes, mostBytes))
	}
	if o.burst < 1 || o.burst > mostBurst {
		err = errors.Join(err, fmt.Errorf("-burst %d is not between 1 and %d", o.burst, mostBurst))
	}
	if o.coalesce && o.burst*(o.bytes+mostPrefix) > 65_000 {
		err = errors.Join(err, fmt.Errorf("-burst %d is more than one buffer", o.burst))
	}
	if o.transport != "udp" && o.transport != "tcp" && o.transport != "tls" {
		err = errors.Join(err, fmt.Errorf("-transport %q is none of udp, tcp, tls", o.transport))
	}
	if o.framing != "channel" && (o.framing != "indication" || o.transport != "udp") {
		err = errors.Join(err, fmt.Errorf("-framing %q is not channel, nor indication over udp", o.framing))
	}
	return err
}

func run(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	server, err := netip.ParseAddrPort(o.server)
	if err != nil || !server.Addr().Is4() {
		return errors.Join(fmt.Errorf("-server %q has no IPv4 address and port", o.server), err)
	}
	d := &dialer{server: server, transport: o.transport, secret: o.secret}
	encoder := json.NewEncoder(out)
	if o.idle > 0 {
		r, err := d.idle(o.idle, o.pid, o.settle)
		return errors.Join(err, encoder.Encode(r))
	}
	l, err := o.loop(d)
	if err != nil {
		return err
	}
	if o.search > 0 {
		return o.saturate(l, encoder)
	}
	for text := range strings.SplitSeq(o.rates, ",") {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 {
			return fmt.Errorf("-rates: %q is no rate", text)
		}
		r, err := l.measure(o.pid, rate, o.warm, o.measure)
		if err != nil {
			return err
		}
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return d.release()
}

// loop opens all flows.
func (o *options) loop(d *dialer) (*loop, error) {
	l := &loop{size: o.bytes, burst: o.burst, coalesce: o.coalesce, spin: o.spin, tries: o.tries}
	f := channel
	if o.framing == "indication" {
		f = indication
	}
	for i := range o.flows {
		flow, err := d.open(uint32(i), path(o.path), f, o.bytes)
		if err != nil {
			return nil, fmt.Errorf("flow %d of %d: %w", i+1, o.flows, err)
		}
		l.flows = append(l.flows, flow)
	}
	return l, l.watch()
}

// release ends the allocations over UDP; those of connections end with them.
func (d *dialer) release() (err error) {
	for _, c := range d.clients {
		if c.wire == nil {
			err = errors.Join(err, c.release())
		}
	}
	return err
}
