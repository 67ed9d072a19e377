package signaling_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"callbox/signaling"
	"callbox/signaling/protocol"
)

// BenchmarkMessages measures messages of 1,200 bytes that are relayed,
// acknowledged and confirmed, in bursts like those of a client's candidates. The
// clients allocate nothing, so all allocations are the server's.
func BenchmarkMessages(b *testing.B) {
	for _, burst := range []int{1, 8} {
		b.Run(fmt.Sprint("burst=", burst), func(b *testing.B) { benchmarkMessages(b, burst) })
	}
}

func benchmarkMessages(b *testing.B, burst int) {
	b.Helper()
	// As many as may be unconfirmed while the reader's goroutine waits for a processor.
	server := serve(b, signaling.Config{Limits: signaling.Limits{QueueEvents: 1 << 14}})
	ann, bo := server.benchClient(b), server.benchClient(b)
	ann.skip(b, 1) // other_joined
	data := strings.Repeat("x", 1200)
	id := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		for range burst {
			id++
			ann.frame = append(ann.frame[:0], `{"type":"message","id":`...)
			ann.frame = strconv.AppendUint(ann.frame, id, 10)
			ann.frame = append(append(append(ann.frame, `,"data":"`...), data...), `"}`...)
			ann.queue()
		}
		ann.send(b)
		ann.skip(b, burst)
		bo.skip(b, burst)
		if id%32 == 0 {
			bo.frame = strconv.AppendUint(append(bo.frame[:0], `{"type":"seen","seq":`...), id, 10)
			bo.frame = append(bo.frame, '}')
			bo.queue()
			bo.send(b)
		}
	}
}

// benchClient is a client that writes and skips frames without allocating.
type benchClient struct {
	conn  net.Conn
	r     *bufio.Reader
	frame []byte
	out   []byte
}

func (s *testServer) benchClient(b *testing.B) *benchClient {
	b.Helper()
	c := s.raw(b)
	c.send(`{"type":"join","room":"a"}`)
	expect[protocol.Joined](c) // and nothing follows it
	return &benchClient{conn: c.NetConn(), r: bufio.NewReaderSize(c.NetConn(), 1<<16)}
}

// queue appends frame, masked with zeros (RFC 6455, section 5.3).
func (w *benchClient) queue() {
	n := len(w.frame)
	if n < 126 {
		w.out = append(w.out, 0x81, 0x80|byte(n))
	} else {
		w.out = binary.BigEndian.AppendUint16(append(w.out, 0x81, 0xfe), uint16(n))
	}
	w.out = append(append(w.out, 0, 0, 0, 0), w.frame...)
}

func (w *benchClient) send(b *testing.B) {
	b.Helper()
	if _, err := w.conn.Write(w.out); err != nil {
		b.Fatal(err)
	}
	w.out = w.out[:0]
}

// skip reads n frames.
func (w *benchClient) skip(b *testing.B, n int) {
	b.Helper()
	for range n {
		header, err := w.r.Peek(4)
		if err != nil {
			b.Fatal(err)
		}
		size := 2 + int(header[1])
		if header[1] == 126 {
			size = 4 + int(binary.BigEndian.Uint16(header[2:]))
		}
		if _, err := w.r.Discard(size); err != nil {
			b.Fatal(err)
		}
	}
}
