package datapath

// Every receive buffer has this many bytes in front of the datagram for the longest header
// that is put there (a Data indication from an IPv6 peer), and behind it for padding.
const (
	headroom = 64
	tailroom = 64
	// maxDatagram is the longest UDP payload there can be, over IPv6 (over IPv4 it is 20
	// bytes shorter).
	maxDatagram = 65527
)

// packet is a datagram in the buffer that it was received in.
type packet struct {
	buffer     []byte
	start, end int // it is buffer[start:end]
	floor      int // buffer[floor:start] is free
}

func (k *packet) bytes() []byte { return k.buffer[k.start:k.end] }

// strip removes n bytes from the front, which are free from then on, and keeps length of
// those that follow.
func (k *packet) strip(n, length int) {
	k.start += n
	k.end = k.start + length
}

// front returns the n bytes in front of the packet, or nil when they are not free.
func (k *packet) front(n int) []byte {
	if k.start-k.floor < n {
		return nil
	}
	return k.buffer[k.start-n : k.start]
}

// joined returns head and body as one slice if body follows head in memory.
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
