package datapath

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestPersistPassesErrorsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		errs := []error{
			syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNREFUSED, syscall.ECONNABORTED,
			&net.OpError{Op: "read", Err: syscall.EHOSTUNREACH}, errors.New("unheard of"),
		}
		calls := 0
		began := time.Now()
		err := Retry(make(chan struct{}), slog.New(slog.NewTextHandler(&log, nil)), func() error {
			if calls++; calls <= 5*len(errs) {
				return errs[calls%len(errs)]
			}
			return nil
		})
		if err != nil || calls != 5*len(errs)+1 {
			t.Errorf("%d calls, %v", calls, err)
		}
		// 5 ms doubled to 640 ms, then a second each time.
		if waited := time.Since(began); waited < 30*time.Second || waited > 40*time.Second {
			t.Errorf("waited %s", waited)
		}
		if n := strings.Count(log.String(), "keeps returning errors"); n != 1 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
	})
}

func TestPersistEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		discard := slog.New(slog.DiscardHandler)
		gone := fmt.Errorf("read: %w", net.ErrClosed)
		if err := Retry(nil, discard, func() error { return gone }); !errors.Is(err, net.ErrClosed) {
			t.Errorf("source closed by others: %v", err)
		}
		closing := make(chan struct{})
		go func() {
			<-time.After(90 * time.Second)
			close(closing)
		}()
		began := time.Now()
		if err := Retry(closing, discard, func() error { return syscall.EMFILE }); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while waiting: %v", err)
		}
		if waited := time.Since(began); waited != 90*time.Second {
			t.Errorf("ended after %s", waited)
		}
		// Sockets that are not the kernel's have errors of their own.
		if err := Retry(closing, discard, func() error { return errors.New("use of closed") }); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed by us: %v", err)
		}
	})
}
