package peer

import (
	"time"

	"github.com/pion/rtp"
)

// packetMeter counts the packets of one received RTP stream. It must not be used
// concurrently.
type packetMeter struct {
	packets, bytes, dup, reordered int64
	first, highest                 int64 // extended sequence numbers
	firstAt, lastAt                time.Time
	recent                         [recentPackets]int64 // extended sequence number + 1, by its low bits
}

// recentPackets is how far back a duplicate is recognised.
const recentPackets = 1024

// count counts a packet and reports whether it is new.
func (m *packetMeter) count(p *rtp.Packet, now time.Time) (isNew bool) {
	if m.packets == 0 {
		m.first = int64(p.SequenceNumber) + 1<<16 // room for packets before the first
		m.highest = m.first - 1
		m.firstAt = now
	}
	extended := m.highest + int64(int16(p.SequenceNumber-uint16(m.highest))) //nolint:gosec // the nearest number with these low bits, RFC 3550 A.1
	slot := &m.recent[extended&(recentPackets-1)]
	if *slot == extended+1 || extended <= m.highest-recentPackets {
		m.dup++
		return false
	}
	*slot = extended + 1
	if extended < m.highest {
		m.reordered++
	}
	m.first, m.highest = min(m.first, extended), max(m.highest, extended)
	m.packets++
	m.bytes += int64(len(p.Payload))
	m.lastAt = now
	return true
}

// lost returns how many packets between the first and the last one did not arrive.
func (m *packetMeter) lost() int64 { return m.highest - m.first + 1 - m.packets }

// fill writes the counters into a report entry. Of a stream that never began, what
// is unknown stays null.
func (m *packetMeter) fill(media *Media) {
	media.Flowing = m.packets > 0
	media.Packets, media.Bytes = &m.packets, &m.bytes
	if m.packets == 0 {
		return
	}
	lost := m.lost()
	percent := 100 * float64(lost) / float64(m.packets+lost)
	media.Lost, media.LossPct = &lost, &percent
	media.Dup, media.Reordered = &m.dup, &m.reordered
	if span := m.lastAt.Sub(m.firstAt); span > 0 {
		media.Kbps = &Rate{Mean: float64(m.bytes) * 8 / 1000 / span.Seconds()}
	}
}
