package turn_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/pion/stun/v3"
	"golang.org/x/sys/unix"

	"callbox/e2e/need"
	"callbox/e2e/netlab"
	"callbox/turnserver"
)

// ownProcess is set in the process that alone has started for a test.
const ownProcess = "CALLBOX_TEST_OWN_PROCESS"

// alone reports whether this process runs only the test. If not, it starts such a
// process and waits for it.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownProcess) != "" {
		return true
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), ownProcess+"=1")
	if out, err := command.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("%v\n%s", err, tail(string(out)))
	}
	return false
}

// TestDescriptorsExhausted makes a process run out of descriptors. Clients that have an
// allocation keep it. New clients get an error or wait, and are served afterwards.
func TestDescriptorsExhausted(t *testing.T) {
	if !alone(t) {
		return
	}
	s := start(t, unlimited)
	ends := connect(t, s, [2]path{{turnserver.UDP, true}, {}}, false)
	var clients []*client
	for range 12 {
		c := s.dial(t, turnserver.UDP, "bo")
		c.challenge(t)
		clients = append(clients, c)
	}
	const left = 3
	restore := leaveDescriptors(t, left)
	made := 0
	for _, c := range clients {
		switch answer := c.request(t, stun.MethodAllocate, requestedUDP()); {
		case answer.Type.Class == stun.ClassSuccessResponse:
			made++
		case errorCode(answer) != stun.CodeInsufficientCapacity:
			t.Errorf("Allocate: error %d, want 508", errorCode(answer))
		}
	}
	if made == 0 || made > left {
		t.Errorf("%d allocations with %d descriptors left", made, left)
	}
	everySize(t, ends[0], ends[1])
	everySize(t, ends[1], ends[0])
	restore()
	// The client takes the one descriptor that is left, so that the server cannot accept.
	restore = leaveDescriptors(t, 1)
	waiting := s.dial(t, turnserver.TCP, "cy")
	waiting.send(t, stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw)
	everySize(t, ends[0], ends[1])
	if got := s.Snapshot().Connections; got != 0 {
		t.Errorf("%d connections were accepted", got)
	}
	restore()
	waiting.allocate(t)
	for _, c := range clients[made:] {
		c.allocate(t)
	}
	everySize(t, ends[1], ends[0])
	s.end(t)
}

// leaveDescriptors lowers the limit of this process so that it can open only that many
// more descriptors, until restore is called.
func leaveDescriptors(t *testing.T, left int) (restore func()) {
	t.Helper()
	limit := 0
	for free := 0; free < left; limit++ {
		if _, err := unix.FcntlInt(uintptr(limit), unix.F_GETFD, 0); err != nil {
			free++
		}
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoBuffers makes the kernel refuse some datagrams for want of buffers (ENOBUFS).
// They are lost and counted, and those after them are relayed.
func TestNoBuffers(t *testing.T) {
	if !alone(t) {
		return
	}
	const refused = 777
	s := start(t, unlimited)
	ends := connect(t, s, [2]path{{turnserver.UDP, true}, {}}, false)
	refuseToSend(t, refused)
	for round := range 6 {
		// Only what the server sends has that length, not what it receives.
		from, to, length := ends[0], ends[1], refused
		if round%2 == 1 {
			from, to, length = ends[1], ends[0], refused-channelHeader
		}
		from.transmit(t, bytes.Repeat([]byte{1}, length))
		eventually(t, "what the kernel refused is counted", func() bool { return s.Snapshot().Drops["send_buffer"] == uint64(round+1) })
		next := bytes.Repeat([]byte{2}, 100+round)
		if err := to.until(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		from.transmit(t, next)
		if got, err := to.next(); err != nil || !bytes.Equal(got, next) {
			t.Errorf("after a refusal: got %d bytes, %v; want the %d bytes that were sent next", len(got), err, len(next))
		}
	}
	s.end(t)
}

// refuseToSend makes sendto(2) fail with ENOBUFS in this process, from now on, when it
// sends that many bytes, by a filter of system calls (seccomp(2)).
func refuseToSend(t *testing.T, length uint32) {
	t.Helper()
	const (
		numberAt, lengthAt = 0, 16 + 2*8 // in struct seccomp_data, the third argument's low half on little-endian machines
		load               = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal              = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		end                = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: numberAt},
		{Code: equal, Jf: 3, K: unix.SYS_SENDTO},
		{Code: load, K: lengthAt},
		{Code: equal, Jf: 1, K: length},
		{Code: end, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOBUFS)},
		{Code: end, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // PR_SET_NO_NEW_PRIVS, which allows a filter, is for the thread
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatalf("seccomp: %v", errno)
	}
}

// TestInterfaceGone takes down the link to a client, and then removes the address of the
// relays. When they are back, relaying goes on.
func TestInterfaceGone(t *testing.T) {
	need.Root(t)
	need.Program(t, "ip")
	lab, err := netlab.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	s := startInLab(t, lab)
	c := &client{conn: dialFrom(t, lab.A, s.udp), buffer: make([]byte, 1<<16)}
	c.username, c.password = s.Credential("ann", time.Hour)
	relay := c.allocate(t)
	peer := dialFrom(t, lab.B, relay)
	c.bind(t, 0x4000, addrPort(peer.LocalAddr()))
	passes := func() bool { return passesBothWays(c, peer) }
	eventually(t, "the relay works", passes)
	ip := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "ip", append([]string{"-n", lab.Server.Name}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	for _, fault := range []struct{ gone, back []string }{
		{[]string{"link", "set", "to-b", "down"}, []string{"link", "set", "to-b", "up"}},
		{[]string{"link", "set", "to-a", "down"}, []string{"link", "set", "to-a", "up"}},
		{[]string{"link", "set", "public", "down"}, []string{"link", "set", "public", "up"}},
		{[]string{"addr", "del", "203.0.113.1/24", "dev", "public"}, []string{"addr", "add", "203.0.113.1/24", "dev", "public"}},
	} {
		goroutines := runtime.NumGoroutine()
		ip(fault.gone...)
		for range 20 {
			_, _ = c.conn.Write(channelData(0x4000, []byte("into nothing")))
			_, _ = peer.Write([]byte("into nothing"))
		}
		ip(fault.back...)
		eventually(t, "the relay works again", passes)
		eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	}
	if got := s.Snapshot(); got.Active != 1 || got.Created != 1 {
		t.Errorf("snapshot %+v", got)
	}
	s.end(t)
}

func startInLab(t *testing.T, lab *netlab.Lab) *server {
	t.Helper()
	listen := func(network, address string) (conn net.PacketConn, err error) {
		err = lab.Server.Do(func() error {
			conn, err = net.ListenPacket(network, address)
			return err
		})
		return conn, err
	}
	udp, err := listen("udp4", lab.ServerAddr.String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{udp: addrPort(udp.LocalAddr())}
	s.Server, err = turnserver.New(turnserver.Config{
		Secrets: [][]byte{[]byte(secret)}, PacketConns: []net.PacketConn{udp}, ListenPacket: listen,
		RelayIPs: []netip.Addr{lab.ServerAddr}, AllowPeers: []netip.Prefix{netip.MustParsePrefix("10.77.0.0/16")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(t) })
	return s
}

func dialFrom(t *testing.T, n *netlab.Namespace, to netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := n.DialContext(t.Context(), "udp4", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// passesBothWays reports whether a payload gets through in both directions, soon.
func passesBothWays(c *client, peer net.Conn) bool {
	const moment = 100 * time.Millisecond
	arrives := func(conn net.Conn, want []byte) bool {
		buffer := make([]byte, 2048)
		if conn.SetReadDeadline(time.Now().Add(moment)) != nil {
			return false
		}
		for {
			n, err := conn.Read(buffer)
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return false
			}
			if err == nil && bytes.Equal(buffer[:n], want) {
				return true
			}
		}
	}
	there := []byte("there")
	back := channelData(0x4000, []byte("back"))
	_, _ = c.conn.Write(channelData(0x4000, there))
	if !arrives(peer, there) {
		return false
	}
	_, _ = peer.Write([]byte("back"))
	return arrives(c.conn, back)
}
