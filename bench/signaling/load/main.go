//go:build linux

// Load is the load generator of bench signaling: one thread that opens connections, joins
// rooms, sends messages and measures, with raw sockets and epoll, so that it costs less
// than any server. Bench starts it. It prints one line of JSON.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"time"
)

// memoryLimit is the size of memory from which garbage is collected.
const memoryLimit = 4 << 30

type options struct {
	url, dialect, row, prefix string
	from                      string
	sources, pid              int
	bytes, rooms, window      int
	connections, parallel     int
	slow                      int
	slowReading               bool
	attack                    string
	rate                      float64
	warm, measure             time.Duration
}

func main() {
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
	flags.StringVar(&o.url, "url", "", "URL of the server, http[s]://127.0.0.1:PORT")
	flags.StringVar(&o.dialect, "dialect", "callbox", "protocol of the server: callbox, socketio, ws, floor")
	flags.StringVar(&o.row, "row", "relay", "kind of load: relay, joins, crowd")
	flags.StringVar(&o.prefix, "prefix", "bench", "prefix of the names of rooms")
	flags.StringVar(&o.from, "from", "", "first source address; default: any")
	flags.IntVar(&o.sources, "sources", 1, "number of source addresses, from -from on")
	flags.IntVar(&o.pid, "pid", 0, "process id of the server, to measure its CPU time")
	flags.IntVar(&o.bytes, "bytes", 1200, "bytes of data in a message")
	flags.IntVar(&o.rooms, "rooms", 200, "number of rooms, with two peers each")
	flags.IntVar(&o.window, "window", 2, "unacknowledged messages in each room")
	flags.IntVar(&o.connections, "connections", 64, "number of connections of joins and crowd")
	flags.IntVar(&o.parallel, "parallel", 1<<16, "number of connections that crowd opens at a time")
	flags.IntVar(&o.slow, "slow", 0, "number of further rooms whose receivers read one byte per second")
	flags.BoolVar(&o.slowReading, "slow-reading", false, "let those receivers read everything")
	flags.StringVar(&o.attack, "attack", "", "attack of one address during the measurement: connections, frames, joins")
	flags.Float64Var(&o.rate, "rate", 0, "messages a second in all, in place of -window")
	flags.DurationVar(&o.warm, "warm", 4*time.Second, "warm-up before the measurement")
	flags.DurationVar(&o.measure, "for", 4*time.Second, "duration of the measurement")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

func run(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	l, err := o.loop()
	if err != nil {
		return err
	}
	var r interface {
		row
		outcome() (*result, error)
	}
	switch o.row {
	case "relay":
		r, err = o.relay(l)
	case "joins":
		r = &joins{loop: l, prefix: o.prefix, parallel: o.connections, warm: o.warm, measure: o.measure, server: cpu(o.pid)}
	case "crowd":
		c := newCrowd(l, o.prefix, o.connections)
		c.parallel, c.server, c.out = o.parallel, cpu(o.pid), out
		r, err = c, c.listen()
	default:
		return fmt.Errorf("-row: unknown row %q; use relay, joins or crowd", o.row)
	}
	if err != nil {
		return err
	}
	if err := l.run(r); err != nil {
		return err
	}
	result, err := r.outcome()
	if err != nil || result == nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

func (o *options) loop() (*loop, error) {
	u, err := url.Parse(o.url)
	if err != nil {
		return nil, err
	}
	server, err := netip.ParseAddrPort(u.Host)
	if err != nil || !server.Addr().Is4() {
		return nil, errors.Join(fmt.Errorf("-url %q has no IPv4 address and port", o.url), err)
	}
	d, err := newDialect(o.dialect, u.Host, payload(o.bytes))
	if err != nil {
		return nil, err
	}
	var from []netip.Addr
	if o.from != "" {
		first, err := netip.ParseAddr(o.from)
		if err != nil {
			return nil, err
		}
		for range o.sources {
			from = append(from, first)
			first = first.Next()
		}
	}
	l, err := newLoop(d, server, from)
	if err == nil {
		l.tls = u.Scheme == "https"
	}
	return l, err
}

func (o *options) relay(l *loop) (_ *relay, err error) {
	r := newRelay(l, o.prefix, o.rooms)
	r.window, r.rate, r.warm, r.measure, r.server = o.window, o.rate, o.warm, o.measure, cpu(o.pid)
	if o.slow > 0 {
		r.slow = newSlowRooms(l, o.prefix, o.slow, o.slowReading)
		r.warm = max(r.warm, r.slow.warm())
	}
	if o.attack != "" {
		r.attack, err = newAttack(l, o.attack)
	}
	return r, err
}

func (r *relay) outcome() (*result, error) { return &r.result, r.result.err }
