package datapath

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = time.Second
)

// Retry calls op until it succeeds, or until the socket that op uses is closed: by us, when
// closing is closed, or by somebody else, when op returns net.ErrClosed. Every other error
// is temporary: a machine that is out of file descriptors or buffers, or an ICMP message
// about a datagram sent before, must not end a server that goes on to serve everybody else.
// Repeated errors back off, and are logged once.
func Retry(closing <-chan struct{}, log *slog.Logger, op func() error) error {
	var wait time.Duration
	for {
		err := op()
		if err == nil {
			return nil
		}
		select {
		case <-closing:
			return net.ErrClosed
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		switch {
		case wait == 0:
			wait = minBackoff
			log.Debug("socket error passed over", "err", err)
		case wait < maxBackoff && wait*2 >= maxBackoff:
			wait = maxBackoff
			log.Warn("a TURN socket keeps returning errors", "err", err)
		default:
			wait = min(wait*2, maxBackoff)
		}
		timer := time.NewTimer(wait)
		select {
		case <-closing:
			timer.Stop()
			return net.ErrClosed
		case <-timer.C:
		}
	}
}
