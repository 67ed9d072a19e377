package impair_test

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/vnet"

	"callbox/peer/impair"
)

const (
	here  = "10.0.0.1"
	there = "10.0.0.2"
)

// building is held while a virtual network is created, because vnet counts MAC addresses
// in a variable that all networks share.
var building sync.Mutex

// virtual returns a perfect network of two hosts, here and there.
func virtual(t *testing.T) (transport.Net, transport.Net) {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	loggers := logging.NewDefaultLoggerFactory()
	loggers.DefaultLogLevel = logging.LogLevelDisabled
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.0.0.0/24", LoggerFactory: loggers})
	check(t, err)
	var hosts [2]*vnet.Net
	for i, address := range []string{here, there} {
		hosts[i], err = vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
		check(t, err)
		check(t, router.AddNet(hosts[i]))
	}
	check(t, router.Start())
	t.Cleanup(func() { check(t, router.Stop()) })
	return hosts[0], hosts[1]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// arrival is a datagram that was received.
type arrival struct {
	ssrc, number int
	after        time.Duration // since the receiver was made
}

// receiver keeps the RTP packets that arrive at an address.
type receiver struct {
	conn transport.UDPConn
	done chan struct{}
	all  []arrival // after close
}

func receive(t *testing.T, n transport.Net) *receiver {
	t.Helper()
	conn, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(there), Port: 5000})
	check(t, err)
	r := &receiver{conn: conn, done: make(chan struct{})}
	start := time.Now()
	go func() {
		defer close(r.done)
		b := make([]byte, 1500)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if n != packetBytes {
				continue
			}
			r.all = append(r.all, arrival{
				int(binary.BigEndian.Uint32(b[8:])), int(binary.BigEndian.Uint16(b[2:])), time.Since(start),
			})
		}
	}()
	return r
}

// close returns what arrived.
func (r *receiver) close(t *testing.T) []arrival {
	t.Helper()
	synctest.Wait()
	check(t, r.conn.Close())
	<-r.done
	return r.all
}

const packetBytes = 100

func rtp(ssrc, number int) []byte {
	b := make([]byte, packetBytes)
	b[0], b[1] = 0x80, 96
	binary.BigEndian.PutUint16(b[2:], uint16(number))
	binary.BigEndian.PutUint32(b[8:], uint32(ssrc))
	return b
}

// sender returns a socket of the impaired network that sends to the receiver.
func sender(t *testing.T, n *impair.Net) net.Conn {
	t.Helper()
	conn, err := n.Dial("udp4", there+":5000")
	check(t, err)
	return conn
}

func impaired(t *testing.T, cfg impair.Config, over transport.Net) *impair.Net {
	t.Helper()
	n, err := impair.New(cfg, over)
	check(t, err)
	return n
}

// send sends count packets of a source, each a millisecond after the other.
func send(t *testing.T, conn net.Conn, ssrc, count int) {
	t.Helper()
	for i := range count {
		_, err := conn.Write(rtp(ssrc, i))
		check(t, err)
		<-time.After(time.Millisecond)
	}
}

// What arrived must agree, to the packet, with what was counted.
func TestCountsAgreeWithWhatArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		n := impaired(t, impair.Config{
			Loss: 0.1, Duplicate: 0.05, Reorder: 0.05, Delay: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, Seed: 7,
		}, from)
		const count = 1000
		send(t, sender(t, n), 1, count)
		check(t, n.Close())
		got := r.close(t)

		seen := make(map[int]bool)
		var duplicated, reordered, highest int64 = 0, 0, -1
		for _, a := range got {
			switch {
			case seen[a.number]:
				duplicated++
			case int64(a.number) < highest:
				reordered++
			}
			seen[a.number] = true
			highest = max(highest, int64(a.number))
		}
		streams := n.Streams()
		if len(streams) != 1 {
			t.Fatalf("%d streams, want 1", len(streams))
		}
		want := impair.Stream{Kind: impair.RTP, SSRC: 1, PayloadType: 96, Counts: impair.Counts{
			Packets: count, Bytes: count * packetBytes, Lost: count - int64(len(seen)),
			Duplicated: duplicated, Reordered: reordered, Delivered: int64(len(got)),
		}}
		if streams[0] != want {
			t.Errorf("counted %+v\narrived %+v", streams[0], want)
		}
		for name, share := range map[string]float64{
			"lost": float64(want.Lost) / count / 0.1, "duplicated": float64(duplicated) / count / 0.05 / 0.9,
			"reordered": float64(reordered) / count / 0.05 / 0.9 / 0.95,
		} {
			if share < 0.7 || share > 1.3 {
				t.Errorf("%s: %.2f times of what was configured", name, share)
			}
		}
	})
}

// fates returns the numbers that arrived, for each source.
func fates(t *testing.T, seed uint64, write func(conn net.Conn)) map[int][]int {
	t.Helper()
	arrived := make(map[int][]int)
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		n := impaired(t, impair.Config{Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, Jitter: 5 * time.Millisecond, Seed: seed}, from)
		write(sender(t, n))
		check(t, n.Close())
		for _, a := range r.close(t) {
			arrived[a.ssrc] = append(arrived[a.ssrc], a.number)
		}
	})
	return arrived
}

// The fate of a packet depends on its place in its stream, not on what else is sent.
func TestSameSeedSameFates(t *testing.T) {
	const count = 200
	first := fates(t, 7, func(conn net.Conn) {
		send(t, conn, 1, count)
		send(t, conn, 2, count)
	})
	again := fates(t, 7, func(conn net.Conn) {
		for i := range count { // the same packets, one source after the other, with others between them
			for _, b := range [][]byte{rtp(1, i), {22, 254, 253}, rtp(2, i)} {
				_, err := conn.Write(b)
				check(t, err)
			}
			<-time.After(3 * time.Millisecond)
		}
	})
	other := fates(t, 8, func(conn net.Conn) { send(t, conn, 1, count) })
	for _, ssrc := range []int{1, 2} {
		if !slices.Equal(first[ssrc], again[ssrc]) {
			t.Errorf("source %d: %v\nagain: %v", ssrc, first[ssrc], again[ssrc])
		}
	}
	if slices.Equal(first[1], other[1]) || slices.Equal(first[1], first[2]) {
		t.Error("another seed, or another source, had the same fates")
	}
}

func TestDelayAndJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		const delay, jitter = 80 * time.Millisecond, 40 * time.Millisecond
		n := impaired(t, impair.Config{Delay: delay, Jitter: jitter, Seed: 1}, from)
		send(t, sender(t, n), 1, 500)
		check(t, n.Close())
		var least, most time.Duration = time.Hour, 0
		for i, a := range r.close(t) {
			if a.number != i {
				t.Fatalf("packet %d arrived as number %d: jitter must keep the order", a.number, i)
			}
			took := a.after - time.Duration(i)*time.Millisecond
			least, most = min(least, took), max(most, took)
		}
		if least < delay || least > delay+jitter/4 || most < delay+jitter*3/4 || most > delay+jitter {
			t.Errorf("it took from %v to %v", least, most)
		}
	})
}

// 128 bytes with their headers are 1024 bits, so that 1 Mbit/s is a packet each 1.024 ms.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		n := impaired(t, impair.Config{Rate: 1_000_000}, from)
		conn := sender(t, n)
		const count = 1000
		for i := range count { // all at once
			_, err := conn.Write(rtp(1, i))
			check(t, err)
		}
		check(t, n.Close())
		got := r.close(t)
		counts := n.Streams()[0].Counts
		if sum := counts.Dropped + int64(len(got)); sum != count || counts.Delivered != int64(len(got)) {
			t.Errorf("%+v, %d arrived", counts, len(got))
		}
		last := got[len(got)-1]
		if last.after < impair.QueueTime || last.after > impair.QueueTime+2*1024*time.Microsecond {
			t.Errorf("the last one that was not dropped, %d, arrived after %v", last.number, last.after)
		}
		if want := time.Duration(len(got)) * 1024 * time.Microsecond; last.after != want {
			t.Errorf("%d packets took %v, want %v", len(got), last.after, want)
		}
	})
}

// What was sent before a socket is closed arrives; nothing can be sent or read afterwards.
func TestClosedSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		n := impaired(t, impair.Config{Delay: time.Second}, from)
		conn := sender(t, n)
		read := make(chan error)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}()
		send(t, conn, 1, 3)
		check(t, conn.Close())
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the read that waited: %v", err)
		}
		for name, err := range map[string]error{
			"a read": second(conn.Read(make([]byte, 1))), "a write": second(conn.Write(rtp(1, 4))),
			"a deadline": conn.SetReadDeadline(time.Time{}), "a second close": conn.Close(),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after close: %v", name, err)
			}
		}
		check(t, n.Close())
		if got := r.close(t); len(got) != 3 {
			t.Errorf("%d packets arrived, want 3", len(got))
		}
		if _, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(here)}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a socket of a closed network: %v", err)
		}
	})
}

func second(_ int, err error) error { return err }

// Every way to open a socket, and every way to send, is impaired.
func TestEverySocketIsImpaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		n := impaired(t, impair.Config{Loss: 1}, from)
		target := &net.UDPAddr{IP: net.ParseIP(there), Port: 5000}
		listening, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(here)})
		check(t, err)
		packets, err := n.ListenPacket("udp4", here+":0")
		check(t, err)
		connected, err := n.DialUDP("udp4", nil, target)
		check(t, err)
		dialed, err := n.CreateDialer(&net.Dialer{}).Dial("udp4", target.String())
		check(t, err)
		for name, write := range map[string]func(b []byte) error{
			"WriteTo":            func(b []byte) error { return second(listening.WriteTo(b, target)) },
			"WriteToUDP":         func(b []byte) error { return second(listening.WriteToUDP(b, target)) },
			"WriteMsgUDP":        func(b []byte) error { n, _, err := listening.WriteMsgUDP(b, nil, target); return second(n, err) },
			"ListenPacket":       func(b []byte) error { return second(packets.WriteTo(b, target)) },
			"DialUDP":            func(b []byte) error { return second(connected.Write(b)) },
			"WriteMsgUDP to nil": func(b []byte) error { n, _, err := connected.WriteMsgUDP(b, nil, nil); return second(n, err) },
			"CreateDialer":       func(b []byte) error { return second(dialed.Write(b)) },
			"Dial":               func(b []byte) error { return second(sender(t, n).Write(b)) },
		} {
			if err := write(rtp(1, 0)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		check(t, n.Close())
		if got := r.close(t); len(got) != 0 {
			t.Errorf("%d packets arrived through a network that loses all", len(got))
		}
		if s := n.Streams(); len(s) != 1 || s[0].Lost != 8 {
			t.Errorf("counted %+v", s)
		}
	})
}

// A network that fails says so in its counts alone.
func TestFailedWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, _ := virtual(t)
		n := impaired(t, impair.Config{Jitter: time.Millisecond}, from)
		conn, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(here)})
		check(t, err)
		_, err = conn.WriteTo(rtp(1, 0), &net.TCPAddr{}) // not an address of UDP
		check(t, err)
		check(t, n.Close())
		if s := n.Streams(); len(s) != 1 || s[0].Failed != 1 || s[0].Delivered != 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

// What changes applies to what is sent afterwards, and the seed stays.
func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := virtual(t)
		r := receive(t, to)
		n := impaired(t, impair.Config{Seed: 7}, from)
		conn := sender(t, n)
		send(t, conn, 1, 100)
		check(t, n.Change(impair.Config{Loss: 1, Seed: 8}))
		send(t, conn, 1, 100)
		check(t, n.Change(impair.Config{Delay: time.Second}))
		send(t, conn, 2, 1)
		if err := n.Change(impair.Config{Loss: 2}); err == nil {
			t.Error("a share of 2 is taken")
		}
		if got, want := n.Config(), (impair.Config{Delay: time.Second, Seed: 7}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		check(t, n.Close())
		got := r.close(t)
		first, second := n.Streams()[0], n.Streams()[1]
		if first.Lost != 100 || first.Delivered != 100 || second.Delivered != 1 || len(got) != 101 {
			t.Errorf("%+v, %+v, %d arrived", first, second, len(got))
		}
		if last := got[len(got)-1]; last.ssrc != 2 || last.after < 1200*time.Millisecond {
			t.Errorf("%+v", last)
		}
	})
}
