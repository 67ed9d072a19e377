package peer

import (
	"encoding/binary"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtp"
)

// rtpHeaderBytes is the size of an RTP header without extensions (RFC 3550, section 5.1).
const rtpHeaderBytes = 12

// nacks requests lost packets of one connection (NACK, RFC 4585), with Pion's generator.
// By itself, that does not notice what arrives by RTX (RFC 4588), and requests it again
// ten times a second, for as long as it remembers 512 packets; and the other side sends it
// as often. nacks also counts what this peer sends by RTX, and so it must be registered
// before Pion's responder.
type nacks struct {
	interceptor.Interceptor // the generator

	mu            sync.Mutex
	arrivals      map[uint32]interceptor.RTPReader // by SSRC; to tell the generator what has arrived
	retransmitted map[uint32]int64                 // by SSRC of what is repeated
}

func newNACKs(options ...nack.GeneratorOption) (*nacks, error) {
	factory, err := nack.NewGeneratorInterceptor(options...)
	if err != nil {
		return nil, err
	}
	generator, err := factory.NewInterceptor("")
	if err != nil {
		return nil, err
	}
	return &nacks{
		Interceptor: generator, arrivals: make(map[uint32]interceptor.RTPReader), retransmitted: make(map[uint32]int64),
	}, nil
}

// NewInterceptor implements interceptor.Factory. It returns n itself, for the one
// connection.
func (n *nacks) NewInterceptor(string) (interceptor.Interceptor, error) { return n, nil }

// recoveredKey is the attribute of a packet that recovered passes to the generator.
type recoveredKey struct{}

// BindRemoteStream implements interceptor.Interceptor.
func (n *nacks) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	bound := n.Interceptor.BindRemoteStream(info, interceptor.RTPReaderFunc(
		func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
			if header, ok := a.Get(recoveredKey{}).([]byte); ok {
				return copy(b, header), a, nil
			}
			return reader.Read(b, a)
		}))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.arrivals[info.SSRC] = bound
	return bound
}

// UnbindRemoteStream implements interceptor.Interceptor.
func (n *nacks) UnbindRemoteStream(info *interceptor.StreamInfo) {
	n.mu.Lock()
	delete(n.arrivals, info.SSRC)
	n.mu.Unlock()
	n.Interceptor.UnbindRemoteStream(info)
}

// recovered notes that a packet of a stream has arrived by RTX.
func (n *nacks) recovered(ssrc uint32, number uint16) {
	n.mu.Lock()
	arrivals := n.arrivals[ssrc]
	n.mu.Unlock()
	if arrivals == nil {
		return
	}
	header := make([]byte, rtpHeaderBytes)
	header[0] = 2 << 6 // the version
	binary.BigEndian.PutUint16(header[2:], number)
	binary.BigEndian.PutUint32(header[8:], ssrc)
	attributes := interceptor.Attributes{recoveredKey{}: header}
	_, _, _ = arrivals.Read(make([]byte, rtpHeaderBytes), attributes) // it reads nothing but the header above
}

// BindLocalStream implements interceptor.Interceptor.
func (n *nacks) BindLocalStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	main, rtx := info.SSRC, info.SSRCRetransmission
	bound := n.Interceptor.BindLocalStream(info, writer)
	return interceptor.RTPWriterFunc(func(header *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if rtx != 0 && header.SSRC == rtx {
			n.mu.Lock()
			n.retransmitted[main]++
			n.mu.Unlock()
		}
		return bound.Write(header, payload, a)
	})
}

// sentAgain returns how many packets of a stream this peer has sent by RTX.
func (n *nacks) sentAgain(ssrc uint32) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.retransmitted[ssrc]
}
