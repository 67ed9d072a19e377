package datapath

// Every receive buffer has this much room in front for the longest header that
// is put there (a Data indication from an IPv6 peer), and behind for padding.
const (
	headroom = 64
	tailroom = 64
	// maxDatagram is the longest UDP payload there can be (of IPv6; IPv4 has 20
	// bytes less).
	maxDatagram = 65527
)

// packet is a datagram in the buffer that it was received in.
type packet struct {
	buffer     []byte
	start, end int // it is buffer[start:end]
	floor      int // from here to start the buffer is free
}

func (k *packet) bytes() []byte { return k.buffer[k.start:k.end] }

// strip takes n bytes off the beginning, which are free from then on, and keeps
// length of those that follow.
func (k *packet) strip(n, length int) {
	k.start += n
	k.end = k.start + length
}

// front returns the n bytes in front of the packet, nil when they are not free.
func (k *packet) front(n int) []byte {
	if k.start-k.floor < n {
		return nil
	}
	return k.buffer[k.start-n : k.start]
}

// joined returns head and body as one slice when they lie so in memory.
func joined(head, body []byte) ([]byte, bool) {
	switch {
	case len(head) == 0:
		return body, true
	case len(body) == 0:
		return head, true
	case cap(head) < len(head)+len(body):
		return nil, false
	}
	whole := head[:len(head)+len(body)]
	if &whole[len(head)] != &body[0] {
		return nil, false
	}
	return whole, true
}
