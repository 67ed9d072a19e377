package impair_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"callbox/peer/impair"
)

// Over TCP everything arrives, in order and once; what the network loses is late.
func TestTCPRetransmits(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	check(t, err)
	defer listener.Close() //nolint:errcheck // it only accepts
	received := make(chan []byte)
	go func() {
		defer close(received)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		all, _ := io.ReadAll(conn)
		received <- all
	}()
	n := impaired(t, impair.Config{Loss: 0.3, Duplicate: 1, Reorder: 1, Seed: 2}, nil)
	start := time.Now()
	conn, err := n.CreateDialer(&net.Dialer{}).Dial("tcp4", listener.Addr().String())
	check(t, err)
	var want []byte
	for i := range 20 {
		b := bytes.Repeat([]byte{byte(i)}, 100)
		_, err := conn.Write(b)
		check(t, err)
		want = append(want, b...)
	}
	check(t, conn.Close())
	check(t, n.Close())
	if got := <-received; !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived, or in another order; want %d", len(got), len(want))
	}
	s := n.Streams()
	if len(s) != 1 || s[0].Kind != impair.TCP || s[0].Packets != 20 || s[0].Delivered != 20 || s[0].Resent == 0 || s[0].Lost != 0 {
		t.Errorf("counted %+v", s)
	}
	if took := time.Since(start); took < impair.ResendTime {
		t.Errorf("it took %v, less than a retransmission", took)
	}
}
