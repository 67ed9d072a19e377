package turnserver

import "callbox/turnserver/wire"

// writeRecords writes what is kept below TLS, and then the frames in p.
func (s *stream) writeRecords(p []byte) error {
	if s.below == nil {
		_, err := s.seal(p)
		return err
	}
	err := s.below.flush()
	if err == nil {
		s.below.hold()
		_, err = s.seal(p)
	}
	if err != nil {
		return err
	}
	return s.below.flush()
}

// writeRecordsNow writes the frames in p as far as that goes without waiting. What TLS
// has sealed is taken; more says that some of that has still to be flushed.
func (s *stream) writeRecordsNow(p []byte) (taken int, more bool) {
	s.below.hold()
	taken, _ = s.seal(p) // the error comes again
	return taken, s.below.flushNow()
}

// seal gives TLS each of the frames in p as a record of its own: there are clients
// that take a record for a message. It returns how many bytes of p that were.
func (s *stream) seal(p []byte) (taken int, err error) {
	for len(p)-taken >= wire.ChannelHeaderLen {
		length, padding, ok := wire.FrameLength([4]byte(p[taken:]))
		if !ok {
			return taken, errFraming
		}
		padded := length + padding
		if _, err := s.Write(p[taken : taken+padded]); err != nil {
			return taken, err
		}
		taken += padded
	}
	return taken, nil
}
