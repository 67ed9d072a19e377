package turnserver

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

type noConn struct{ net.PacketConn }

func anyPort(uint16) bool { return true }

func opens(uint16) (net.PacketConn, error) { return noConn{}, nil }

func bindAll(t *testing.T, p *ports, count int) []uint16 {
	t.Helper()
	var got []uint16
	for range count {
		_, port, err := p.bind(anyPort, opens)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, port)
	}
	return got
}

func TestPortsAreAllFoundInRandomOrder(t *testing.T) {
	p := newPorts(PortRange{Min: 65036, Max: 65535}, time.Now)
	got := bindAll(t, p, 500)
	if slices.IsSorted(got) {
		t.Error("ports come in order")
	}
	slices.Sort(got)
	if got[0] != 65036 || got[499] != 65535 || len(slices.Compact(got)) != 500 {
		t.Errorf("ports %d to %d, %d different", got[0], got[len(got)-1], len(slices.Compact(got)))
	}
	_, _, err := p.bind(anyPort, opens)
	if !errors.Is(err, errPortsExhausted) || !strings.Contains(err.Error(), "65036-65535") {
		t.Errorf("exhausted: %v", err)
	}
}

func TestPortsInUseArePassedOver(t *testing.T) {
	p := newPorts(PortRange{Min: 100, Max: 199}, time.Now)
	tries := 0
	listen := func(port uint16) (net.PacketConn, error) {
		tries++
		if port != 150 {
			return nil, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
		}
		return noConn{}, nil
	}
	_, port, err := p.bind(anyPort, listen)
	if err != nil || port != 150 {
		t.Fatalf("got %d, %v after %d tries", port, err, tries)
	}
	if _, _, err := p.bind(anyPort, listen); !errors.Is(err, errPortsExhausted) {
		t.Errorf("with every port in use: %v", err)
	}
	// They are tried again when they have come free.
	bindAll(t, p, 99)
}

func TestPortsSurviveOtherErrors(t *testing.T) {
	p := newPorts(PortRange{Min: 100, Max: 100}, time.Now)
	_, _, err := p.bind(anyPort, func(uint16) (net.PacketConn, error) { return nil, syscall.EMFILE })
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("got %v, want EMFILE", err)
	}
	bindAll(t, p, 1)
}

func TestReleasedPortsRest(t *testing.T) {
	now := time.Unix(1700000000, 0)
	p := newPorts(PortRange{Min: 100, Max: 109}, func() time.Time { return now })
	first := bindAll(t, p, 1)[0]
	p.release(first)
	others := bindAll(t, p, 9)
	if slices.Contains(others, first) {
		t.Error("a port is given out while it rests and others are free")
	}
	for _, port := range others {
		now = now.Add(time.Second)
		p.release(port)
	}
	// Nothing else is left: the longest rested comes first.
	if got := bindAll(t, p, 1)[0]; got != first {
		t.Errorf("got %d, want %d", got, first)
	}
	if got := bindAll(t, p, 1)[0]; got != others[0] {
		t.Errorf("got %d, want %d", got, others[0])
	}
	now = now.Add(portRest)
	last := bindAll(t, p, 8)
	slices.Sort(last)
	rested := others[1:]
	slices.Sort(rested)
	if !slices.Equal(last, rested) {
		t.Errorf("after the rest: %v, want %v", last, rested)
	}
}

func TestPortsThatFit(t *testing.T) {
	p := newPorts(PortRange{Min: 100, Max: 101}, time.Now)
	even := func(port uint16) bool { return port%2 == 0 }
	_, port, err := p.bind(even, opens)
	if err != nil || port != 100 {
		t.Errorf("even port: %d, %v", port, err)
	}
	if _, _, err := p.bind(even, opens); !errors.Is(err, errPortsExhausted) {
		t.Errorf("no even port left: %v", err)
	}
	p.release(100)
	if _, port, err := p.bind(even, opens); err != nil || port != 100 {
		t.Errorf("a resting even port: %d, %v", port, err)
	}
}
