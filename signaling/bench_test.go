package signaling_test

import (
	"strings"
	"testing"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// BenchmarkRelay measures messages of a candidate's size from one client to
// another, one after the other, including both clients.
func BenchmarkRelay(b *testing.B) {
	server := serve(b, signaling.Config{Capacity: 2})
	bo, joined := server.join(b, "Bo", "a")
	ann, _ := server.join(b, "Ann", "a")
	receive[protocol.OtherJoined](b, bo)
	data := strings.Repeat("x", 1200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ann.Send(b.Context(), joined.Peer, data); err != nil {
			b.Fatal(err)
		}
		if _, err := bo.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJoin measures joins and leaves on one connection.
func BenchmarkJoin(b *testing.B) {
	server := serve(b, signaling.Config{Capacity: 2})
	c, err := server.call(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the end of the benchmark
	for b.Loop() {
		if _, err := c.Join(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
		if err := c.Leave(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
