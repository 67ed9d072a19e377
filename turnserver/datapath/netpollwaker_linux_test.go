package datapath_test

import (
	"flag"
	"net"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"callbox/turnserver/datapath"
)

var netpollSpin = flag.Bool("netpoll.spin", false, "compute between packets instead of sleeping, which takes a processor")

// TestOthersAreServedWhileAnEngineBlocks shows what the netpollWaker is for. An engine that
// blocks in its epoll does so on the thread that was the last in Go's poller. Unless another
// thread takes over, nothing else that the process reads from is served until the runtime
// checks its poller by itself, every 10 ms: up to 60 packets come before that, otherwise one
// or none. Only half of the rounds must be good, since other programs may use the processors
// for most of the time.
//
// The sender pauses between packets in a way that Go's scheduler does not notice: for the
// scheduler it runs all the time, and its processor is free for nobody. By default it sleeps
// in a raw system call. With -netpoll.spin it computes, as a busy program does. That takes a
// whole processor away from the tests of other packages, which run at the same time and wait
// for things to happen in time, so only `make long` does it.
func TestOthersAreServedWhileAnEngineBlocks(t *testing.T) {
	const (
		rounds  = 20
		pace    = 100 * time.Microsecond
		allowed = 10
		most    = 100_000
	)
	own := runtime.GOMAXPROCS(2) // one for the sender, and one for all others
	t.Cleanup(func() { runtime.GOMAXPROCS(own) })
	s := start(t, datapath.Config{Engines: 1})
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	var read atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 1); ; read.Add(1) {
			if _, err := out.Read(b); err != nil {
				return
			}
		}
	}()
	counted := make(chan []int)
	go func() {
		runtime.LockOSThread() // a thread of another process, as far as the scheduler is concerned
		defer runtime.UnlockOSThread()
		to, pipe := rawUDP(t, s.socket.LocalAddr()), in.Fd()
		defer func() { _ = unix.Close(to) }()
		var counts []int
		for round := range int64(rounds) {
			for n := 0; !s.path.Blocks(); n++ {
				if n == most {
					t.Error("the engine does not block")
					break
				}
				rawWrite(t, uintptr(to), pace)
			}
			rawWrite(t, pipe, 0)
			n := 0
			for ; read.Load() == round && n < most; n++ {
				rawWrite(t, uintptr(to), pace)
			}
			counts = append(counts, n)
			pause(30 * time.Millisecond) // so that the engine parks
		}
		counted <- counts
	}()
	counts := <-counted
	_ = in.Close()
	<-done
	slices.Sort(counts)
	if counts[rounds/2] > allowed {
		t.Errorf("packets that the engine got before something else was read: %v", counts)
	}
}

// rawUDP returns a socket that is unknown to Go's poller.
func rawUDP(t *testing.T, to net.Addr) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Error(err)
		return -1
	}
	at := addrPort(to)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		t.Error(err)
	}
	return fd
}

// rawWrite writes one byte that no engine answers, by a raw system call, and then pauses.
func rawWrite(t *testing.T, fd uintptr, then time.Duration) {
	t.Helper()
	data := [1]byte{0xff}
	if _, _, errno := unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&data)), 1); errno != 0 {
		t.Error(errno)
	}
	pause(then)
}

// pause waits without telling Go's scheduler.
func pause(d time.Duration) {
	if *netpollSpin {
		for began := time.Now(); time.Since(began) < d; {
			continue
		}
		return
	}
	left := unix.NsecToTimespec(d.Nanoseconds())
	for errno := unix.EINTR; errno == unix.EINTR; {
		_, _, errno = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&left)), uintptr(unsafe.Pointer(&left)), 0)
	}
}
