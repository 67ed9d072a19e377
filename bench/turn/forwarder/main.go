//go:build linux

// Forwarder is what no relay can beat on one hop: it receives on one socket and
// sends from another what came, as it came, to where its sender was told to
// have it sent, and does nothing else. One thread, nothing but system calls.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"callbox/bench/turn/datagram"
)

func main() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	batch := flag.Int("batch", 1, "datagrams that are received and sent in one system call at most")
	offload := flag.Bool("offload", false, "have the kernel join and split datagrams (UDP_GRO, UDP_SEGMENT)")
	flag.Parse()
	err := run(*batch, *offload)
	fmt.Fprintln(os.Stderr, "forwarder:", err)
	os.Exit(1) //nolint:forbidigo // the one place that ends the program
}

const (
	bufferBytes = 4 << 20
	mostBytes   = 64 << 10
	mostJoined  = 60 // parts of one buffer to the kernel (UDP_MAX_SEGMENTS is 64)
	mostBuffer  = 65_000
)

// run serves until something fails.
func run(batch int, offload bool) error {
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	in, err := datagram.Listen(at, bufferBytes)
	if err != nil {
		return err
	}
	out, err2 := datagram.Listen(at, bufferBytes)
	served, err3 := datagram.Bound(in)
	if err := errors.Join(err2, err3, unix.SetNonblock(in, false)); err != nil {
		return err
	}
	size := 2048
	if offload {
		size = mostBytes
		if err := datagram.Coalesce(in); err != nil {
			return err
		}
	}
	ready := struct {
		Turn []string `json:"turn"`
	}{[]string{"udp://" + served.String()}}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	f := &forwarder{in: in, out: out, offload: offload, flows: make(map[uint64]unix.RawSockaddrInet4)}
	f.receiver, f.sender = datagram.NewReceiver(batch, size), datagram.NewSender(batch)
	for {
		if err := f.round(); err != nil {
			return err
		}
	}
}

type forwarder struct {
	in, out  int
	offload  bool
	flows    map[uint64]unix.RawSockaddrInet4 // by sender
	receiver *datagram.Receiver
	sender   *datagram.Sender

	// The datagram that is being joined, when it can be.
	joining uint64 // of a sender
	segment int
	bytes   int
	ended   bool // a shorter one came, which is the last
}

// round forwards what there is, and waits for it. What the kernel does not
// take is lost.
func (f *forwarder) round() error {
	n, err := f.receiver.Receive(f.in, unix.MSG_WAITFORONE)
	if err != nil {
		return err
	}
	f.joining = 0
	for i := range n {
		from := f.receiver.From(i)
		payload, segment := f.receiver.Payload(i)
		to, known := f.flows[datagram.Key(from)]
		if !known {
			if err := f.learn(payload, from); err != nil {
				return err
			}
			continue
		}
		f.add(datagram.Key(from), &to, payload, segment)
	}
	f.receiver.Release(n)
	f.split()
	_, err = f.sender.Send(f.out)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) {
		return nil
	}
	return err
}

// add queues a datagram, or what is joined of several, and joins it with the
// one before when they have one way and size.
func (f *forwarder) add(from uint64, to *unix.RawSockaddrInet4, payload []byte, segment int) {
	if f.offload && f.joining == from && !f.ended && segment <= f.segment && f.bytes%f.segment == 0 &&
		(segment == f.segment || len(payload) == segment) &&
		f.bytes+len(payload) <= mostBuffer && (f.bytes+len(payload))/f.segment <= mostJoined {
		f.sender.Append(payload)
		f.bytes += len(payload)
		f.ended = f.bytes%f.segment != 0
		return
	}
	f.split()
	f.sender.Begin(to)
	f.sender.Append(payload)
	f.joining, f.segment, f.bytes, f.ended = from, segment, len(payload), len(payload)%segment != 0
}

// split ends the datagram that was begun last.
func (f *forwarder) split() {
	if f.offload && f.joining != 0 && f.bytes > f.segment {
		f.sender.Split(f.segment)
	}
}

// learn takes a request "forward ADDRESS:PORT", and answers with it.
func (f *forwarder) learn(request []byte, from *unix.RawSockaddrInet4) error {
	text, ok := bytes.CutPrefix(request, []byte("forward "))
	to, err := netip.ParseAddrPort(string(text))
	if !ok || err != nil || !to.Addr().Is4() {
		return fmt.Errorf("%q is no request", request)
	}
	f.flows[datagram.Key(from)] = datagram.RawAddr(to)
	answer := datagram.NewSender(1)
	answer.Begin(from)
	answer.Append(request)
	_, err = answer.Send(f.in)
	return err
}
