package turnserver

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"callbox/turnserver/datapath"
)

// An allocation whose socket cannot be served ends, and its endpoint goes on.
func TestRelayThatCannotStart(t *testing.T) {
	path, err := datapath.New(datapath.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close()
	listen := func() net.PacketConn {
		conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	socket, err := path.Socket(listen())
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddrPort("127.0.0.1:4000")
	data, err := path.Open(socket.Client(client, netip.Addr{}), listen(), datapath.RelayConfig{Relayed: netip.MustParseAddrPort("127.0.0.1:5000")})
	if err != nil {
		t.Fatal(err)
	}
	data.Close() // so that it does not start

	server := &Server{log: slog.New(slog.DiscardHandler), registry: newRegistry(&Limits{}), credentials: credentials{now: time.Now}}
	if _, _, err := server.registry.reserve(account{name: "ann"}, client.Addr(), 1, 1); err != nil {
		t.Fatal(err)
	}
	e := &endpoint{server: server, conn: socket, byClient: map[netip.AddrPort]*allocation{}}
	r := &allocation{endpoint: e, data: data, user: "ann", client: client, relayed: data.Relayed()}
	e.request.allocation = r
	created := make(chan struct{})
	go func() {
		defer close(created)
		e.onAllocationCreated(nil, nil, "", "", "", nil, 0)
	}()
	select {
	case <-created:
	case <-time.After(10 * time.Second):
		t.Fatal("the endpoint hangs")
	}
	if !e.nextEnding() || e.request.allocation != r {
		t.Error("the allocation is not ended")
	}
}
