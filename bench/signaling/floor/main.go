//go:build linux

// Floor is the lower bound of cost for a server that replies to each message by itself:
// one thread with epoll that reads and writes as every relay must, and does nothing else.
// It parses only the headers of frames, and forwards payloads as they are, still masked.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"callbox/bench/signaling/epoll"
)

func main() {
	runtime.LockOSThread()
	port := flag.Uint("port", 0, "port on 127.0.0.1; 0 = any free one")
	coalesce := flag.Bool("coalesce", false, "reply to everything from one read with one write for each connection")
	flag.Parse()
	err := run(uint16(*port), *coalesce) //nolint:gosec // G115: the caller passes a valid port
	fmt.Fprintln(os.Stderr, "floor:", err)
	os.Exit(1) //nolint:forbidigo // the one place that ends the program
}

// run serves until something fails.
func run(port uint16, coalesce bool) error {
	listener, at, err := epoll.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
	if err != nil {
		return err
	}
	poller, err := epoll.New()
	if err != nil {
		return err
	}
	s := &server{
		poller: poller, listener: listener, coalesce: coalesce,
		buffer: make([]byte, 64<<10), rooms: make(map[string]*conn),
	}
	if err := poller.Add(listener, false); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"ready": true, "url": "http://" + at.String()}); err != nil {
		return err
	}
	for {
		if err := s.turn(); err != nil {
			return err
		}
	}
}

// server is the state of the one thread.
type server struct {
	poller   *epoll.Poller
	listener int
	coalesce bool
	buffer   []byte
	conns    [epoll.MaxFD]*conn
	rooms    map[string]*conn // the connection that is alone in the room
	dirty    []*conn
	buffers  [][]byte // free buffers
}

// turn handles the sockets that are ready.
func (s *server) turn() error {
	events, err := s.poller.Wait(-1)
	if err != nil {
		return err
	}
	for _, e := range events {
		fd := int(e.Fd)
		if fd == s.listener {
			if err := s.accept(); err != nil {
				return err
			}
			continue
		}
		c := s.conns[fd]
		if c == nil {
			continue // an earlier event has closed it
		}
		if e.Events&unix.EPOLLOUT != 0 {
			c.write()
		}
		if c.fd >= 0 && e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			c.read()
		}
	}
	return nil
}

func (s *server) accept() error {
	for {
		fd, err := epoll.Accept(s.listener)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err == nil && fd >= epoll.MaxFD {
			err = errors.New("too many connections")
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		s.conns[fd] = &conn{server: s, fd: fd}
		if err := s.poller.Add(fd, false); err != nil {
			return err
		}
	}
}

// spare returns an empty buffer, and give returns it to the pool.
func (s *server) spare() []byte {
	if n := len(s.buffers); n > 0 {
		b := s.buffers[n-1]
		s.buffers = s.buffers[:n-1]
		return b
	}
	return make([]byte, 0, 16<<10)
}

func (s *server) give(b []byte) {
	if b != nil && len(s.buffers) < 64 {
		s.buffers = append(s.buffers, b[:0])
	}
}
