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

// secure is TLS on a connection with a non-blocking socket.
type secure struct {
	tls      *tls.Conn
	in       bytes.Buffer // received, encrypted
	out      []byte       // to be sent, encrypted
	wait     func() bool  // waits for more input during the handshake; nil = the handshake is over
	proceed  func() (struct{}, bool)
	abandon  func()
	finished error // result of the handshake
}

// newSecure starts the handshake, in a coroutine of the loop.
func newSecure() *secure {
	s := new(secure)
	//nolint:gosec // G402: the bench does not verify the server
	s.tls = tls.Client(sealed{s}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	s.proceed, s.abandon = iter.Pull(func(yield func(struct{}) bool) {
		s.wait = func() bool { return yield(struct{}{}) }
		s.finished = s.tls.HandshakeContext(context.Background())
		s.wait = nil
	})
	s.proceed()
	return s
}

// feed takes received bytes, and reports whether the handshake is over.
func (s *secure) feed(data []byte) (bool, error) {
	s.in.Write(data)
	if s.wait != nil {
		s.proceed()
	}
	return s.wait == nil, s.finished
}

// read decrypts received bytes into b; 0 = there are no more.
func (s *secure) read(b []byte) (int, error) {
	n, err := s.tls.Read(b)
	if errors.Is(err, errLater) {
		err = nil
	}
	return n, err
}

// later is the error for no input yet. crypto/tls goes on after it, because it is
// temporary.
type later struct{}

func (later) Error() string   { return "no input yet" }
func (later) Timeout() bool   { return true }
func (later) Temporary() bool { return true }

var errLater net.Error = later{}

// sealed is the encrypted side of a secure, which crypto/tls reads and writes.
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
