package signaling

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// masked returns a client's frame.
func masked(first byte, payload string, key uint32) []byte {
	f := appendFrame(nil, 0, []byte(payload))
	f[0] = first
	head := len(f) - len(payload)
	f[1] |= maskBit
	f = slices.Insert(f, head, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(f[head:], key)
	unmask(f[head+4:], key)
	return f
}

// reading is what a decoder returns for a byte stream.
type reading struct {
	seen []string // an opcode and a payload each
	end  string   // "refused", "closed <code>", or "" = the stream ended
}

const testLimit = 2000

// decode reads the stream in pieces of the sizes that cut returns.
func decode(stream []byte, cut func(left int) int) (r reading) {
	d := decoder{limit: testLimit}
	defer d.release()
	p := bytes.Clone(stream)
	for len(p) > 0 {
		n := cut(len(p))
		piece := p[:n:n]
		p = p[n:]
		for len(piece) > 0 {
			opcode, payload, rest, err := d.next(piece)
			piece = rest
			switch {
			case err != nil:
				r.end = "refused"
				return r
			case opcode == opClose:
				code, ok := closeCode(payload)
				r.end = fmt.Sprint("closed ", code)
				if !ok {
					r.end = "refused"
				}
				return r
			case opcode != opNone:
				r.seen = append(r.seen, fmt.Sprintf("%d %q", opcode, payload))
			}
		}
	}
	return r
}

func inOne(left int) int { return left }

// gorilla reads the stream with gorilla's decoder.
func gorilla(tb testing.TB, stream []byte) (r reading) {
	tb.Helper()
	far := &scriptedConn{Reader: bytes.NewReader(nil)}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "/ws", nil)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header = http.Header{
		"Connection": {"upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	conn, err := new(websocket.Upgrader).Upgrade(far, request, nil)
	if err != nil {
		tb.Fatal(err)
	}
	far.Reader = bytes.NewReader(stream)
	conn.SetReadLimit(testLimit)
	note := func(opcode byte) func(string) error {
		return func(text string) error {
			r.seen = append(r.seen, fmt.Sprintf("%d %q", opcode, text))
			return nil
		}
	}
	conn.SetPingHandler(note(opPing))
	conn.SetPongHandler(note(opPong))
	for {
		kind, data, err := conn.ReadMessage()
		closed, isClose := errors.AsType[*websocket.CloseError](err)
		switch {
		case err == nil:
			r.seen = append(r.seen, fmt.Sprintf("%d %q", kind, data))
			continue
		case isClose && closed.Code == websocket.CloseAbnormalClosure: // the stream ended
		case isClose && closed.Code == websocket.CloseNoStatusReceived:
			r.end = "closed 1000"
		case isClose:
			r.end = fmt.Sprint("closed ", closed.Code)
		case err == websocket.ErrReadLimit || strings.HasPrefix(err.Error(), "websocket: "): //nolint:errorlint // not wrapped
			r.end = "refused"
		}
		return r
	}
}

// scriptedConn is a connection whose remote end sends what is in Reader. It is
// also the response that it is hijacked from.
type scriptedConn struct {
	net.Conn // nil: what gorilla uses of it stands below
	*bytes.Reader
}

func (c *scriptedConn) Read(p []byte) (int, error)       { return c.Reader.Read(p) }
func (c *scriptedConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *scriptedConn) SetDeadline(time.Time) error      { return nil }
func (c *scriptedConn) Close() error                     { return nil }
func (c *scriptedConn) Header() http.Header              { return http.Header{} }
func (c *scriptedConn) WriteHeader(int)                  {}
func (c *scriptedConn) SetWriteDeadline(time.Time) error { return nil }
func (c *scriptedConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

var streams = map[string][]byte{
	"nothing":         nil,
	"text":            masked(0x81, `{"type":"ping"}`, 0x12345678),
	"empty text":      masked(0x81, "", 1),
	"binary":          masked(0x82, "\x00\xff", 0xffffffff),
	"two at once":     slices.Concat(masked(0x81, "one", 7), masked(0x81, strings.Repeat("two", 100), 0x80000001)),
	"fragments":       slices.Concat(masked(0x01, "a", 1), masked(0x00, "", 2), masked(0x00, "bc", 3), masked(0x80, "d", 4)),
	"last one empty":  slices.Concat(masked(0x01, "abc", 1), masked(0x80, "", 9)),
	"first one empty": slices.Concat(masked(0x01, "", 1), masked(0x80, "abc", 9)),
	"ping between":    slices.Concat(masked(0x01, "a", 1), masked(0x89, "there?", 5), masked(0x8a, "", 6), masked(0x80, "b", 3)),
	"medium length":   masked(0x81, strings.Repeat("x", 200), 0xdeadbeef),
	"long length":     {0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 'x'},
	"at the limit":    masked(0x81, strings.Repeat("x", testLimit), 0xdeadbeef),
	"beyond it":       masked(0x81, strings.Repeat("x", testLimit+1), 0xdeadbeef),
	"beyond in parts": slices.Concat(masked(0x01, strings.Repeat("x", testLimit), 1), masked(0x80, "x", 2)),
	"huge":            {0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 'x'},
	"negative length": {0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 'x'},
	"close":           slices.Concat(masked(0x81, "x", 1), masked(0x88, "\x03\xe8bye", 2), masked(0x81, "unread", 3)),
	"close, bare":     masked(0x88, "", 2),
	"close, 1006":     masked(0x88, "\x03\xee", 2),
	"close, no UTF-8": masked(0x88, "\x03\xe8\xff", 2),
	"close in parts":  slices.Concat(masked(0x08, "\x03\xe8", 2), masked(0x80, "", 2)),
	"no mask":         {0x81, 0x02, '{', '}'},
	"reserved bit":    {0xc1, 0x80, 0, 0, 0, 0},
	"unknown opcode":  {0x83, 0x80, 0, 0, 0, 0},
	"long ping":       masked(0x89, strings.Repeat("x", 126), 1),
	"continues none":  masked(0x80, "x", 1),
	"text in text":    slices.Concat(masked(0x01, "x", 1), masked(0x81, "y", 2)),
}

// TestFramesWhereverTheyAreCut decodes each stream in one piece, cut once at
// every byte, byte by byte, and cut at random.
func TestFramesWhereverTheyAreCut(t *testing.T) {
	for name, stream := range streams {
		want := decode(stream, inOne)
		for at := 1; at < len(stream); at++ {
			first := true
			got := decode(stream, func(left int) int {
				if first {
					first = false
					return at
				}
				return left
			})
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s, cut at %d: %v, want %v", name, at, got, want)
			}
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			got := decode(stream, func(left int) int { return 1 + random.IntN(min(left, 9)) })
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s, cut at random: %v, want %v", name, got, want)
			}
		}
		if got := decode(stream, func(int) int { return 1 }); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s, byte by byte: %v, want %v", name, got, want)
		}
		if got := decode(stream[:len(stream)/2], inOne); len(got.seen) > len(want.seen) {
			t.Errorf("%s, half of it: %v", name, got)
		}
	}
}

func TestFramesAsRead(t *testing.T) {
	for name, want := range map[string]reading{
		"text":            {seen: []string{`1 "{\"type\":\"ping\"}"`}},
		"fragments":       {seen: []string{`1 "abcd"`}},
		"first one empty": {seen: []string{`1 "abc"`}},
		"ping between":    {seen: []string{`9 "there?"`, `10 ""`, `1 "ab"`}},
		"long length":     {seen: []string{`1 "y"`}},
		"close":           {seen: []string{`1 "x"`}, end: "closed 1000"},
		"beyond in parts": {end: "refused"},
	} {
		if got := decode(streams[name], inOne); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for size, want := range map[int]error{testLimit: nil, testLimit + 1: errFrameTooLarge} {
		d := decoder{limit: testLimit}
		head := masked(0x81, strings.Repeat("x", size), 1)[:20]
		if _, _, _, err := d.next(head); !errors.Is(err, want) {
			t.Errorf("a frame of %d bytes: %v, want %v before it is there", size, err, want)
		}
	}
	for payload, want := range map[string]int{"x": 1002, "\x03\xed": 1002, "\x03\xe8\xff": 1007, "\x0f\xa1": 4001} {
		if code, ok := closeCode([]byte(payload)); code != want || ok != (want == 4001) {
			t.Errorf("close frame %q: %d, %v, want %d", payload, code, ok, want)
		}
	}
}

// TestHalfAFrameCostsWhatHasCome announces a longer frame than it sends.
func TestHalfAFrameCostsWhatHasCome(t *testing.T) {
	d := decoder{limit: 1 << 30}
	if _, _, _, err := d.next([]byte{0x81, 0xff, 0, 0, 0, 0, 0x30, 0, 0, 0, 1, 2, 3, 4, 'x'}); err != nil {
		t.Fatal(err)
	}
	if d.size() != 1 || cap(*d.buffer) > messageBuffers.Max {
		t.Errorf("%d bytes are held in %d", d.size(), cap(*d.buffer))
	}
	d.release()
	if d.buffer != nil {
		t.Error("something is held after release")
	}
}

func TestUnmask(t *testing.T) {
	for size := range 100 {
		p := bytes.Repeat([]byte{0x5a}, size)
		key := uint32(0x04030201)
		for half := range size + 1 {
			q := bytes.Clone(p)
			unmask(q[half:], unmask(q[:half], key))
			for i, b := range q {
				if b != 0x5a^byte(i%4+1) {
					t.Fatalf("byte %d of %d, cut at %d: %x", i, size, half, b)
				}
			}
		}
	}
}

// FuzzFrames compares the decoder with gorilla's, and with itself when the
// stream is cut elsewhere.
func FuzzFrames(f *testing.F) {
	for _, stream := range streams {
		f.Add(stream, uint64(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		got := decode(stream, inOne)
		random := rand.New(rand.NewPCG(seed, 0))
		cut := decode(stream, func(left int) int { return 1 + random.IntN(left) })
		if fmt.Sprint(cut) != fmt.Sprint(got) {
			t.Errorf("cut: %v, in one: %v", cut, got)
		}
		want := gorilla(t, stream)
		if fmt.Sprint(got.seen) != fmt.Sprint(want.seen) {
			t.Errorf("seen %v, gorilla sees %v", got.seen, want.seen)
		}
		// Gorilla takes a close frame of one byte for one of none, and does
		// not know the code 1014.
		known := got.end == "refused" && want.end == "closed 1000" || got.end == "closed 1014"
		if got.end != want.end && !known {
			t.Errorf("ended %q, gorilla %q", got.end, want.end)
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	frame := masked(0x81, strings.Repeat("x", 1200), 0xdeadbeef)
	stream := bytes.Repeat(frame, 8)
	d := decoder{limit: testLimit}
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		for p := stream; len(p) > 0; {
			var err error
			if _, _, p, err = d.next(p); err != nil {
				b.Fatal(err)
			}
		}
	}
}
