package ctl

import (
	"errors"
	"slices"
)

// Why a file did not arrive.
var (
	ErrFileRefused = errors.New("the other end refused the file")
	ErrFileStopped = errors.New("the other end stopped the file")
	ErrFileBad     = errors.New("the file arrived damaged")
	ErrFileOffset  = errors.New("the other end asked for bytes after those that were sent")
)

// FileSender is what an end knows of the files that it sends. Like an [Exchange], it
// belongs to the certificates of both ends and not to a connection. It does no I/O:
// the caller reads the files, and sends what the methods return.
//
// The zero value is not usable. Its methods must not be called concurrently.
type FileSender struct {
	next uint32
	open []*sentFile // in the order of their ids
	turn int         // index in open of the file whose piece is next
	// stops are the last files that this end ended. The other end has at most
	// MaxOpenFiles that it does not know to have ended.
	stops []Message
}

// sentFile is a file that has not ended.
type sentFile struct {
	offer  OfferFile
	taken  bool      // on this connection
	ended  bool      // file_end was sent, on any connection
	hashed *fileHash // what was sent
}

// NewFileSender returns the state in which nothing was offered. polite is the role of
// this end.
func NewFileSender(polite bool) *FileSender { return &FileSender{next: firstID(polite)} }

// CanOffer reports whether another file may be offered now.
func (s *FileSender) CanOffer() bool { return len(s.open) < MaxOpenFiles }

// Offer returns the message that offers a file. CanOffer must be true. The error is an
// [*Error].
func (s *FileSender) Offer(name string, size uint64, mime string) (OfferFile, error) {
	m := OfferFile{ID: s.next, Name: name, Size: size, MIME: mime}
	if _, err := Encode(m); err != nil {
		return OfferFile{}, err
	}
	s.next += 2
	s.open = append(s.open, &sentFile{offer: m, hashed: newFileHash()})
	return m, nil
}

// Reconnect is called when there is a new connection, and returns what to repeat.
func (s *FileSender) Reconnect() []Message {
	repeated := slices.Clone(s.stops)
	for _, f := range s.open {
		f.taken = false
		repeated = append(repeated, f.offer)
	}
	return repeated
}

// Take handles the other end's wish for a file. It returns an answer if there is
// nothing to send; the file has ended if err is not nil.
func (s *FileSender) Take(m Take) (answer Message, err error) {
	f := s.find(m.ID)
	switch {
	case f == nil || f.taken:
		return nil, nil
	case m.Offset > f.hashed.size():
		return s.Stop(m.ID), ErrFileOffset
	}
	f.taken = true
	f.hashed.goBack(m.Offset)
	return f.end(), nil
}

// end returns file_end if everything has been sent.
func (f *sentFile) end() Message {
	if f.hashed.size() < f.offer.Size {
		return nil
	}
	f.ended = true
	return FileEnd{ID: f.offer.ID, SHA256: f.hashed.sum()}
}

// Next returns which bytes to send next, of the files in turn; false = none.
func (s *FileSender) Next() (id uint32, offset uint64, n int, ok bool) {
	for i := range s.open {
		f := s.open[(s.turn+i)%len(s.open)]
		if offset = f.hashed.size(); f.taken && offset < f.offer.Size {
			s.turn = (s.turn + i) % len(s.open)
			return f.offer.ID, offset, int(min(f.offer.Size-offset, MaxFileContent)), true
		}
	}
	return 0, 0, 0, false
}

// Sent is called when the bytes that Next returned were sent. It returns file_end
// after the last ones of a file, and otherwise nil.
func (s *FileSender) Sent(id uint32, content []byte) Message {
	f := s.find(id)
	f.hashed.write(content)
	s.turn++
	return f.end()
}

// Receive handles a [Refuse], [FileOK], [FileBad] or [StopFile] of the other end, and
// reports whether it has ended a file. err says why that did not arrive.
func (s *FileSender) Receive(m Message) (id uint32, ended bool, err error) {
	needsEnd := false
	switch m := m.(type) {
	case Refuse:
		id, err = m.ID, ErrFileRefused
	case StopFile:
		id, err = m.ID, ErrFileStopped
	case FileOK:
		id, needsEnd = m.ID, true
	case FileBad:
		id, err, needsEnd = m.ID, ErrFileBad, true
	}
	f := s.find(id)
	if f == nil || needsEnd && !f.ended {
		return 0, false, nil
	}
	s.remove(id)
	return id, true, err
}

// Stop ends a file, and returns the message that says so; nil if it has ended before.
func (s *FileSender) Stop(id uint32) Message {
	if s.find(id) == nil {
		return nil
	}
	s.remove(id)
	s.stops = append(s.stops, StopFile{ID: id})
	s.stops = s.stops[max(0, len(s.stops)-MaxOpenFiles):]
	return StopFile{ID: id}
}

// Open returns the ids of the files that have not ended.
func (s *FileSender) Open() []uint32 {
	var ids []uint32
	for _, f := range s.open {
		ids = append(ids, f.offer.ID)
	}
	return ids
}

func (s *FileSender) find(id uint32) *sentFile {
	for _, f := range s.open {
		if f.offer.ID == id {
			return f
		}
	}
	return nil
}

func (s *FileSender) remove(id uint32) {
	s.open = slices.DeleteFunc(s.open, func(f *sentFile) bool { return f.offer.ID == id })
}
