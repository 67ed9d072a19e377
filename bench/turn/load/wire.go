//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// mostQueued bounds the bytes that wait to be written on a connection. Packets beyond it are
// dropped.
const mostQueued = 1 << 20

// wire is a TCP connection with a non-blocking socket, with or without TLS. It is the
// net.Conn that crypto/tls reads and writes.
type wire struct {
	fd      int
	tls     *tls.Conn // nil = plain
	waiting bool      // reads wait for input, as handshakes need
	buffer  [64 << 10]byte
	unread  []byte // of buffer
	out     []byte // to be written, encrypted
	plain   []byte // to be encrypted
	clear   [64 << 10]byte
	frames  []byte // received, but not complete
}

func connect(server netip.AddrPort, secure bool) (*wire, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetNonblock(fd, true),
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	w := &wire{fd: fd}
	if !secure {
		return w, nil
	}
	//nolint:gosec // G402: the bench does not verify the server
	client := tls.Client(w, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	w.waiting = true
	err = client.HandshakeContext(context.Background())
	w.tls, w.waiting = client, false
	return w, err
}

// later is the error for no input yet. crypto/tls goes on after it, because it is
// temporary.
type later struct{}

func (later) Error() string   { return "no input yet" }
func (later) Timeout() bool   { return true }
func (later) Temporary() bool { return true }

var errLater net.Error = later{}

func (w *wire) Read(b []byte) (int, error) {
	for len(w.unread) == 0 {
		n, err := unix.Read(w.fd, w.buffer[:])
		switch {
		case errors.Is(err, unix.EAGAIN) && !w.waiting:
			return 0, errLater
		case errors.Is(err, unix.EAGAIN):
			if err := await(w.fd, answerTime); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		w.unread = w.buffer[:n]
	}
	n := copy(b, w.unread)
	w.unread = w.unread[n:]
	return n, nil
}

func (w *wire) Write(b []byte) (int, error) {
	w.out = append(w.out, b...)
	if w.waiting {
		return len(b), w.push()
	}
	return len(b), nil
}

func (w *wire) Close() error                   { return unix.Close(w.fd) }
func (*wire) LocalAddr() net.Addr              { return nil }
func (*wire) RemoteAddr() net.Addr             { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// full reports whether no more may be queued.
func (w *wire) full() bool { return len(w.out)+len(w.plain) > mostQueued }

// flush encrypts everything that is queued at once, and writes as much as the socket takes.
func (w *wire) flush() error {
	if w.tls == nil {
		w.out = append(w.out, w.plain...)
	} else if len(w.plain) > 0 {
		if _, err := w.tls.Write(w.plain); err != nil {
			return err
		}
	}
	w.plain = w.plain[:0]
	return w.push()
}

func (w *wire) push() error {
	written := 0
	for written < len(w.out) {
		n, err := unix.Write(w.fd, w.out[written:])
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return err
		}
		written += n
	}
	w.out = w.out[:copy(w.out, w.out[written:])]
	return nil
}

// receive calls take with each complete message.
func (w *wire) receive(take func(message []byte)) error {
	for {
		var n int
		var err error
		if w.tls != nil {
			n, err = w.tls.Read(w.clear[:])
		} else {
			n, err = w.Read(w.clear[:])
		}
		if errors.Is(err, errLater) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("connection to the server: %w", err)
		}
		w.frames = append(w.frames, w.clear[:n]...)
		rest := w.frames
		for {
			whole, padded := frameLength(rest)
			if padded == 0 || len(rest) < padded {
				break
			}
			take(rest[:whole])
			rest = rest[padded:]
		}
		w.frames = w.frames[:copy(w.frames, rest)]
	}
}

// frameLength returns the length of the message at the start of b, without and with its
// padding (RFC 8656, section 12.5); 0 = its header is not complete.
func frameLength(b []byte) (whole, padded int) {
	if len(b) < 4 {
		return 0, 0
	}
	n := int(b[2])<<8 | int(b[3])
	if b[0]>>6 == 1 { // ChannelData
		return 4 + n, 4 + (n+3)&^3
	}
	return 20 + n, 20 + n
}

// await waits until the socket can be read.
func await(fd int, most time.Duration) error {
	waited := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // G115: a file descriptor is far smaller
	for {
		n, err := unix.Poll(waited, int(most.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return errSilent
		}
		return nil
	}
}
