package faultmodel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"sync"
)

// faultWire carries a client's frames over one transport.
type faultWire interface {
	// send queues a frame; it never waits.
	send(frame []byte)
	// run connects, gives what comes to the receiver and returns when the
	// connection has ended: with the server's close code, 0 = there was none.
	run(to wireReceiver) int
	// cut ends the connection, however much is queued.
	cut()
}

// wireReceiver gets what a wire brings. One goroutine calls it.
type wireReceiver interface {
	onOpened()
	onFrame(text []byte)
}

// outbound holds the frames that a wire has not written yet, without a bound: a
// client in a test must never wait.
type outbound struct {
	mu      sync.Mutex // guards the following
	changed sync.Cond
	frames  [][]byte
	ended   bool
}

func newOutbound() *outbound {
	o := new(outbound)
	o.changed.L = &o.mu
	return o
}

func (o *outbound) push(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames = append(o.frames, frame)
	o.changed.Broadcast()
}

func (o *outbound) pop() ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.frames) == 0 && !o.ended {
		o.changed.Wait()
	}
	if o.ended {
		return nil, false
	}
	frame := o.frames[0]
	o.frames = o.frames[1:]
	return frame, true
}

func (o *outbound) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.changed.Broadcast()
}

// The opcodes of RFC 6455, section 5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// socketWire is a WebSocket (RFC 6455) written by hand, so that each of its
// bytes is known and may be the last.
type socketWire struct {
	conn *faultyConn
	name int // for the server's side of the test
	out  *outbound
}

func newSocketWire(conn *faultyConn, name int) *socketWire {
	return &socketWire{conn: conn, name: name, out: newOutbound()}
}

func (w *socketWire) send(frame []byte) { w.out.push(maskedFrame(opText, frame)) }

func (w *socketWire) cut() {
	w.out.end()
	_ = w.conn.Close()
}

func (w *socketWire) run(to wireReceiver) int {
	defer w.cut()
	in := bufio.NewReader(w.conn)
	if w.shake(in) != nil {
		return 0
	}
	to.onOpened()
	var writing sync.WaitGroup
	defer writing.Wait()
	defer w.cut()
	writing.Go(func() {
		for {
			frame, ok := w.out.pop()
			if !ok {
				return
			}
			if _, err := w.conn.Write(frame); err != nil {
				return
			}
		}
	})
	for {
		opcode, payload, err := readFrame(in)
		switch {
		case err != nil:
			return 0
		case opcode == opText:
			to.onFrame(payload)
		case opcode == opPing:
			w.out.push(maskedFrame(opPong, payload))
		case opcode == opClose && len(payload) >= 2:
			w.out.push(maskedFrame(opClose, payload[:2]))
			_, _ = in.ReadByte() // until the server, who closes first, has done so
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

const upgradeRequest = "GET /ws?conn=%d HTTP/1.1\r\nHost: memory\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: callbox.v1\r\n\r\n"

var errNotUpgraded = errors.New("the server did not upgrade")

func (w *socketWire) shake(in *bufio.Reader) error {
	if _, err := fmt.Fprintf(w.conn, upgradeRequest, w.name); err != nil {
		return err
	}
	lines := textproto.NewReader(in)
	status, err := lines.ReadLine()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 101 ") {
		return errNotUpgraded
	}
	_, err = lines.ReadMIMEHeader()
	return err
}

// maskedFrame is one frame from a client. The mask is always the same: the
// server has to undo whatever it is.
func maskedFrame(opcode byte, payload []byte) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d} // the one of RFC 6455, section 5.7
	frame := make([]byte, 0, len(payload)+14)
	frame = append(frame, 0x80|opcode)
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}

// readFrame reads one unfragmented, unmasked frame.
func readFrame(in *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [8]byte
	if _, err = io.ReadFull(in, head[:2]); err != nil {
		return 0, nil, err
	}
	opcode = head[0] & 0xf
	n := uint64(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(in, head[:2])
		n = uint64(binary.BigEndian.Uint16(head[:2]))
	case 127:
		_, err = io.ReadFull(in, head[:8])
		n = binary.BigEndian.Uint64(head[:8])
	}
	if err != nil {
		return 0, nil, err
	}
	if n > 1<<24 {
		return 0, nil, errNotUpgraded
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(in, payload)
	return opcode, payload, err
}
