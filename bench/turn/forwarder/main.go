//go:build linux

// Forwarder is the lower bound of cost for a relay on one hop: one thread that receives
// datagrams on one socket and sends them unchanged from another, to an address that the
// sender has named, and does nothing else.
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
	batch := flag.Int("batch", 1, "maximum number of datagrams in one system call")
	offload := flag.Bool("offload", false, "let the kernel coalesce and split datagrams (UDP_GRO, UDP_SEGMENT)")
	flag.Parse()
	err := run(*batch, *offload)
	fmt.Fprintln(os.Stderr, "forwarder:", err)
	os.Exit(1) //nolint:forbidigo // the one place that ends the program
}

const (
	bufferBytes = 4 << 20
	mostBytes   = 64 << 10
	mostJoined  = 60 // datagrams in one buffer (UDP_MAX_SEGMENTS is 64)
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

	// The buffer to which the next datagram may be added.
	joining uint64 // Key of the sender
	segment int
	bytes   int
	ended   bool // its last datagram is shorter, so that none may follow
}

// round waits for datagrams and forwards them. Those that the kernel refuses are lost.
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

// add queues a datagram, or several coalesced ones. It adds it to the previous buffer if they
// have the same sender and size.
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

// split ends the last buffer.
func (f *forwarder) split() {
	if f.offload && f.joining != 0 && f.bytes > f.segment {
		f.sender.Split(f.segment)
	}
}

// learn handles a request "forward ADDRESS:PORT", and echoes it.
func (f *forwarder) learn(request []byte, from *unix.RawSockaddrInet4) error {
	text, ok := bytes.CutPrefix(request, []byte("forward "))
	to, err := netip.ParseAddrPort(string(text))
	if !ok || err != nil || !to.Addr().Is4() {
		return fmt.Errorf("%q is not a request", request)
	}
	f.flows[datagram.Key(from)] = datagram.RawAddr(to)
	answer := datagram.NewSender(1)
	answer.Begin(from)
	answer.Append(request)
	_, err = answer.Send(f.in)
	return err
}
