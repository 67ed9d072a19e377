package peer

import "github.com/pion/webrtc/v4"

// Security is how the media and the data of a call were encrypted. What is unknown is null.
type Security struct {
	DTLS   *string `json:"dtls"`   // version, such as 1.2
	Cipher *string `json:"cipher"` // of DTLS, which protects the data channels
	SRTP   *string `json:"srtp"`   // protection profile of the media (RFC 5764)
}

// dtlsVersion returns the version that a value of tlsVersion (W3C webrtc-stats) names; "" = unknown.
func dtlsVersion(wire string) string {
	switch wire {
	case "FEFD":
		return "1.2"
	case "FEFC":
		return "1.3"
	default:
		return ""
	}
}

// security returns how the connection was encrypted; nil if it never was. It must be
// called after close: Pion's GetStats is safe only when nothing else uses the connection.
func (l *link) security() *Security {
	if l.pc == nil {
		return nil
	}
	if _, connected := l.otherFingerprint(); !connected {
		return nil
	}
	for _, s := range l.pc.GetStats() { //nolint:forbidigo // nothing runs any more
		t, ok := s.(webrtc.TransportStats)
		if !ok {
			continue
		}
		known := func(text string) *string {
			if text == "" {
				return nil
			}
			return &text
		}
		return &Security{DTLS: known(dtlsVersion(t.TLSVersion)), Cipher: known(t.DTLSCipher), SRTP: known(t.SRTPCipher)}
	}
	return nil
}
