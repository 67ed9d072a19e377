package opus

import (
	"errors"
	"time"
)

// maxDuration is the longest duration of a packet (RFC 6716, section 3.4).
const maxDuration = 120 * time.Millisecond

var (
	errEmpty = errors.New("an Opus packet is empty")
	errCount = errors.New("an Opus packet has an impossible number of frames")
	errLong  = errors.New("an Opus packet is longer than 120 ms")
)

// Duration returns how much sound a packet contains, from its first two bytes (RFC 6716,
// section 3.1 and 3.2).
func Duration(packet []byte) (time.Duration, error) {
	if len(packet) == 0 {
		return 0, errEmpty
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 || packet[1]&0x3f == 0 {
			return 0, errCount
		}
		frames = int(packet[1] & 0x3f)
	}
	d := time.Duration(frames) * frameTime(packet[0]>>3)
	if d > maxDuration {
		return 0, errLong
	}
	return d, nil
}

// frameTime returns the length of a frame in the configuration 0 to 31 (RFC 6716, table 2).
func frameTime(configuration byte) time.Duration {
	size := configuration & 3
	switch {
	case configuration >= 16: // CELT: 2.5, 5, 10, 20 ms
		return 2500 * time.Microsecond << size
	case configuration >= 12: // hybrid: 10, 20 ms
		return 10 * time.Millisecond << (size & 1)
	case size == 3: // SILK: 10, 20, 40, 60 ms
		return 60 * time.Millisecond
	default:
		return 10 * time.Millisecond << size
	}
}
