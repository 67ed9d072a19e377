//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"net"
	"time"
)

// secure is TLS on a connection whose socket never blocks.
type secure struct {
	tls      *tls.Conn
	in       bytes.Buffer // what has come, encrypted
	out      []byte       // what is to go, encrypted
	wait     func() bool  // waits for more to come, while the handshake runs; nil = it is over
	proceed  func() (struct{}, bool)
	abandon  func()
	finished error // of the handshake
}

// newSecure begins the handshake, which is a coroutine of the loop's.
func newSecure() *secure {
	s := new(secure)
	//nolint:gosec // G402: who the server is does not matter here
	s.tls = tls.Client(sealed{s}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	s.proceed, s.abandon = iter.Pull(func(yield func(struct{}) bool) {
		s.wait = func() bool { return yield(struct{}{}) }
		s.finished = s.tls.HandshakeContext(context.Background())
		s.wait = nil
	})
	s.proceed()
	return s
}

// feed takes what has come, and reports whether the handshake is over.
func (s *secure) feed(data []byte) (bool, error) {
	s.in.Write(data)
	if s.wait != nil {
		s.proceed()
	}
	return s.wait == nil, s.finished
}

// read decrypts what has come into b; 0 = there is no more.
func (s *secure) read(b []byte) (int, error) {
	n, err := s.tls.Read(b)
	if errors.Is(err, errLater) {
		err = nil
	}
	return n, err
}

// later is that nothing has come yet, which crypto/tls bears when it is called
// temporary.
type later struct{}

func (later) Error() string   { return "nothing has come yet" }
func (later) Timeout() bool   { return true }
func (later) Temporary() bool { return true }

var errLater net.Error = later{}

// sealed is the side of a secure that crypto/tls reads and writes.
type sealed struct{ s *secure }

func (c sealed) Read(b []byte) (int, error) {
	for c.s.in.Len() == 0 {
		if c.s.wait == nil {
			return 0, errLater
		}
		if !c.s.wait() {
			return 0, io.ErrClosedPipe
		}
	}
	return c.s.in.Read(b)
}

func (c sealed) Write(b []byte) (int, error) {
	c.s.out = append(c.s.out, b...)
	return len(b), nil
}

func (sealed) Close() error                     { return nil }
func (sealed) LocalAddr() net.Addr              { return nil }
func (sealed) RemoteAddr() net.Addr             { return nil }
func (sealed) SetDeadline(time.Time) error      { return nil }
func (sealed) SetReadDeadline(time.Time) error  { return nil }
func (sealed) SetWriteDeadline(time.Time) error { return nil }
