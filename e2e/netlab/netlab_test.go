//go:build linux

package netlab

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"callbox/e2e/need"
)

func newLab(t *testing.T) *Lab {
	t.Helper()
	need.Root(t)
	need.Program(t, "ip")
	lab, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		left, err := names(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, name := range lab.names {
			if slices.Contains(left, name) {
				t.Errorf("namespace %s is still there after Close", name)
			}
		}
	})
	return lab
}

// serveGreeting listens at a free port of the address inside the namespace, and sends a
// greeting to whoever connects.
func serveGreeting(t *testing.T, n *Namespace, addr netip.Addr) string {
	t.Helper()
	return serveGreetingAt(t, n, netip.AddrPortFrom(addr, 0))
}

func serveGreetingAt(t *testing.T, n *Namespace, at netip.AddrPort) string {
	t.Helper()
	var listener net.Listener
	err := n.Do(func() (err error) {
		listener, err = net.Listen("tcp4", at.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("hello from " + n.Name))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// readGreeting connects from the namespace and returns the greeting.
func readGreeting(t *testing.T, n *Namespace, address string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := n.DialContext(ctx, "tcp4", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	return string(text), err
}

// TestLab checks which namespaces can reach each other.
func TestLab(t *testing.T) {
	lab := newLab(t)
	server := serveGreeting(t, lab.Server, lab.ServerAddr)
	b := serveGreeting(t, lab.B, lab.BAddr)
	for _, client := range []*Namespace{lab.A, lab.B} {
		if text, err := readGreeting(t, client, server); err != nil || text != "hello from "+lab.Server.Name {
			t.Errorf("%s reaches the server: %q, %v", client.Name, text, err)
		}
	}
	if _, err := readGreeting(t, lab.A, b); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a dials b without a route: %v, want network is unreachable", err)
	}
	if err := lab.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := readGreeting(t, lab.A, b); err != nil || text != "hello from "+lab.B.Name {
		t.Errorf("a dials b after Connect: %q, %v", text, err)
	}
	plug, err := lab.Unplug(t.Context(), lab.A)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readGreeting(t, lab.A, b); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a dials b while it is unplugged: %v, want network is unreachable", err)
	}
	if err := plug(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{server, b} {
		if _, err := readGreeting(t, lab.A, address); err != nil {
			t.Errorf("a dials after it is plugged in again: %v", err)
		}
	}
	if err := lab.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := readGreeting(t, lab.A, b); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a dials b after Disconnect: %v, want network is unreachable", err)
	}
	if conn, err := net.DialTimeout("tcp4", server, time.Second); err == nil {
		conn.Close()
		t.Error("the machine's own network reaches the lab")
	}
}

// TestTwoLabs has clients of two labs connect to the same address.
func TestTwoLabs(t *testing.T) {
	one, two := newLab(t), newLab(t)
	at := netip.AddrPortFrom(one.ServerAddr, 443)
	for _, lab := range []*Lab{one, two} {
		serveGreetingAt(t, lab.Server, at)
	}
	for _, lab := range []*Lab{one, two} {
		if text, err := readGreeting(t, lab.A, at.String()); err != nil || text != "hello from "+lab.Server.Name {
			t.Errorf("%s gets %q, %v", lab.A.Name, text, err)
		}
	}
}

// TestStart checks that a process in a namespace has only that namespace's addresses.
func TestStart(t *testing.T) {
	lab := newLab(t)
	var out strings.Builder
	command := exec.Command("ip", "-br", "-4", "addr")
	command.Stdout = &out
	if err := lab.B.Start(command); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), lab.BAddr.String()) || strings.Contains(out.String(), lab.AAddr.String()) {
		t.Errorf("a process in b sees\n%s", out.String())
	}
}

// TestSweep checks that sweep removes the namespaces of dead processes, and no others.
func TestSweep(t *testing.T) {
	need.Root(t)
	need.Program(t, "ip")
	ghost := exec.Command("true")
	if err := ghost.Run(); err != nil {
		t.Fatal(err)
	}
	dead := prefix + strconv.Itoa(ghost.Process.Pid) + "-server"
	alive := prefix + strconv.Itoa(os.Getpid()) + "-other"
	for _, name := range []string{dead, alive} {
		if err := ip(t.Context(), "netns", "add", name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = ip(context.Background(), "netns", "del", alive) })
	if err := sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(left, dead) || !slices.Contains(left, alive) {
		t.Errorf("after the sweep there are %q, want %s and not %s", left, alive, dead)
	}
}
