//go:build linux

// Load is the load generator of bench turn: one thread that makes allocations, sends at a
// fixed rate and checks every byte that comes back, with raw sockets, epoll, and without
// garbage, so that it costs less than any server. Bench starts it. It prints a line of JSON
// for each measurement.
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

// memoryLimit is the size of memory from which garbage is collected.
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
	flags.StringVar(&o.server, "server", "", "address of the server, ADDRESS:PORT")
	flags.StringVar(&o.transport, "transport", "udp", "transport of the clients: udp, tcp, tls")
	flags.StringVar(&o.secret, "secret", "", "shared secret of the server, to make credentials")
	flags.StringVar(&o.path, "path", "pair", "path of the packets: pair, up, down, forward")
	flags.StringVar(&o.framing, "framing", "channel", "framing of the packets: channel, indication")
	flags.StringVar(&o.rates, "rates", "20000", "comma-separated rates of all flows together, in packets per second; each is measured")
	flags.Float64Var(&o.search, "search", 0, "packets a second up to which the highest rate without loss is looked for, in place of -rates")
	flags.IntVar(&o.bytes, "bytes", 1000, "bytes of a payload, a multiple of 4")
	flags.IntVar(&o.flows, "flows", 20, "number of flows, which send in turn")
	flags.IntVar(&o.burst, "burst", 1, "number of packets that a flow sends at a time")
	flags.BoolVar(&o.coalesce, "coalesce", false, "pass a burst to the kernel in one buffer (UDP_SEGMENT), and receive bursts so (UDP_GRO)")
	flags.BoolVar(&o.spin, "spin", false, "never sleep, if the clients have a processor of their own")
	flags.IntVar(&o.pid, "pid", 0, "process id of the server, to measure its CPU time")
	flags.IntVar(&o.tries, "tries", 3, "how often to repeat a measurement while other programs are busy, at most")
	flags.IntVar(&o.idle, "idle", 0, "number of idle allocations to measure, instead of packets")
	flags.DurationVar(&o.warm, "warm", 500*time.Millisecond, "warm-up before each measurement")
	flags.DurationVar(&o.measure, "for", 2*time.Second, "duration of each measurement")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "time from the last idle allocation to the measurement of memory")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return o, o.check(flags.Args())
}

func (o *options) check(rest []string) (err error) {
	if len(rest) > 0 {
		err = fmt.Errorf("unexpected argument %q", rest[0])
	}
	if o.bytes%4 != 0 || o.bytes < headBytes || o.bytes > mostBytes {
		err = errors.Join(err, fmt.Errorf("-bytes: %d is not a multiple of 4 from %d to %d", o.bytes, headBytes, mostBytes))
	}
	if o.burst < 1 || o.burst > mostBurst {
		err = errors.Join(err, fmt.Errorf("-burst: %d is not between 1 and %d", o.burst, mostBurst))
	}
	if o.coalesce && o.burst*(o.bytes+mostPrefix) > 65_000 {
		err = errors.Join(err, fmt.Errorf("-burst: %d packets do not fit in one buffer", o.burst))
	}
	if o.transport != "udp" && o.transport != "tcp" && o.transport != "tls" {
		err = errors.Join(err, fmt.Errorf("-transport: unknown transport %q; use udp, tcp or tls", o.transport))
	}
	if o.framing != "channel" && (o.framing != "indication" || o.transport != "udp") {
		err = errors.Join(err, fmt.Errorf("-framing: %q is neither channel, nor indication over udp", o.framing))
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
		return errors.Join(fmt.Errorf("-server: %q is not an IPv4 address with a port", o.server), err)
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
			return fmt.Errorf("-rates: %q is not a rate", text)
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

// release ends the allocations over UDP. Those over connections end with them.
func (d *dialer) release() (err error) {
	for _, c := range d.clients {
		if c.wire == nil {
			err = errors.Join(err, c.release())
		}
	}
	return err
}
