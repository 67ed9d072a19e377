package ctl

import (
	"errors"
	"slices"
)

// What the other end may not do with files. Whoever finds one of them closes the
// channel "file".
var (
	ErrPiece     = errors.New("a malformed message on the channel of files")
	ErrNotTaken  = errors.New("bytes of a file that was not taken")
	ErrFileOrder = errors.New("bytes of a file out of order")
	ErrFileSize  = errors.New("bytes beyond the end of a file")
	ErrOpenFiles = errors.New("more than 4 files at once")
	ErrFileID    = errors.New("an id that only this end may give to a file")
	ErrFileOffer = errors.New("an offer of the same file with other fields")
)

// maxStopped is how many files a receiver remembers whose last bytes may still be under
// way.
const maxStopped = 64

// FileReceiver is what an end knows of the files that the other end sends. Like an
// [Exchange], it belongs to the certificates of both ends and not to a connection. It
// does no I/O: the caller decides which files to take, keeps their bytes, and sends the
// answers.
//
// The zero value is not usable. Its methods must not be called concurrently.
type FileReceiver struct {
	polite  bool
	largest uint32 // id
	open    []*receivedFile
	answers []Message // to the last files that this end ended
	stopped []uint32  // files that ended before all their bytes had arrived on this connection
}

// receivedFile is a file that has not ended.
type receivedFile struct {
	offer       OfferFile
	taken, here bool      // taken; on this connection
	hashed      *fileHash // what was received
	end         *FileEnd  // may arrive before the last bytes
}

// NewFileReceiver returns the state in which nothing was offered. polite is the role
// of this end.
func NewFileReceiver(polite bool) *FileReceiver { return &FileReceiver{polite: polite} }

// Reconnect is called when there is a new connection. What was under way is lost.
func (r *FileReceiver) Reconnect() {
	r.stopped = nil
	for _, f := range r.open {
		f.here, f.end = false, nil
		f.hashed.goBack(f.hashed.complete())
	}
}

// Offer handles the offer of a file. If isNew is true, somebody has to decide, and call
// Take or Refuse. Otherwise answer is what to send, if it is not nil.
func (r *FileReceiver) Offer(m OfferFile) (answer Message, isNew bool, err error) {
	if ownID(m.ID, r.polite) {
		return nil, false, ErrFileID
	}
	f := r.find(m.ID)
	switch {
	case f != nil && f.offer != m:
		return nil, false, ErrFileOffer
	case f != nil && f.taken && !f.here:
		return r.Take(m.ID), false, nil
	case f != nil:
		return nil, false, nil
	case m.ID <= r.largest:
		return r.answerTo(m.ID), false, nil
	case len(r.open) >= MaxOpenFiles:
		return nil, false, ErrOpenFiles
	}
	r.largest = m.ID
	r.open = append(r.open, &receivedFile{offer: m, hashed: newFileHash()})
	return nil, true, nil
}

// ownID reports whether the ids of an end are of the kind of id, odd or even.
func ownID(id uint32, polite bool) bool { return id%2 == firstID(polite)%2 }

// Take takes a file that is open, and returns the message that asks for its bytes.
func (r *FileReceiver) Take(id uint32) Message {
	f := r.find(id)
	f.taken, f.here = true, true
	return Take{ID: id, Offset: f.hashed.size()}
}

// Refuse refuses a file that is open, and returns the message that says so.
func (r *FileReceiver) Refuse(id uint32) Message { return r.endWith(Refuse{ID: id}, id) }

// Stop ends a file, and returns the message that says so; nil if it has ended before.
func (r *FileReceiver) Stop(id uint32) Message {
	f := r.find(id)
	if f == nil {
		return nil
	}
	r.stop(f)
	return r.endWith(StopFile{ID: id}, id)
}

// Stopped handles the word of the other end that it has ended a file, and reports
// whether that was open.
func (r *FileReceiver) Stopped(m StopFile) bool {
	f := r.find(m.ID)
	if f == nil {
		return false
	}
	r.stop(f)
	r.remove(m.ID)
	return true
}

// Receive handles a message of the channel "file". It returns the piece, whose content
// is to be discarded if used is false, and the answer to send if the file is complete:
// [FileOK] or [FileBad].
func (r *FileReceiver) Receive(message []byte) (p Piece, used bool, answer Message, err error) {
	p, ok := DecodePiece(message)
	if !ok {
		return p, false, nil, ErrPiece
	}
	f := r.find(p.ID)
	switch {
	case slices.Contains(r.stopped, p.ID):
		return p, false, nil, nil
	case f == nil || !f.here:
		return p, false, nil, ErrNotTaken
	case p.Offset != f.hashed.size():
		return p, false, nil, ErrFileOrder
	case uint64(len(p.Content)) > f.offer.Size-p.Offset:
		return p, false, nil, ErrFileSize
	}
	f.hashed.write(p.Content)
	return p, true, r.check(f), nil
}

// End handles the word of the other end that it has sent all bytes. It returns the
// answer to send if they have arrived, and otherwise nil.
func (r *FileReceiver) End(m FileEnd) Message {
	f := r.find(m.ID)
	if f == nil || !f.here || f.end != nil {
		return nil
	}
	f.end = &m
	return r.check(f)
}

// Open returns the ids of the files that have not ended.
func (r *FileReceiver) Open() []uint32 {
	var ids []uint32
	for _, f := range r.open {
		ids = append(ids, f.offer.ID)
	}
	return ids
}

// check ends a file that is complete.
func (r *FileReceiver) check(f *receivedFile) Message {
	id := f.offer.ID
	switch {
	case f.end == nil || f.hashed.size() < f.offer.Size:
		return nil
	case equal(f.end.SHA256, f.hashed.sum()):
		return r.endWith(FileOK{ID: id}, id)
	default:
		return r.endWith(FileBad{ID: id}, id)
	}
}

// stop notes that bytes of a file may still be under way.
func (r *FileReceiver) stop(f *receivedFile) {
	if !f.here {
		return
	}
	r.stopped = append(r.stopped, f.offer.ID)
	r.stopped = r.stopped[max(0, len(r.stopped)-maxStopped):]
}

// endWith ends a file with an answer, which is kept because it may be lost. The other
// end has at most MaxOpenFiles that it does not know to have ended.
func (r *FileReceiver) endWith(answer Message, id uint32) Message {
	r.remove(id)
	r.answers = append(r.answers, answer)
	r.answers = r.answers[max(0, len(r.answers)-MaxOpenFiles):]
	return answer
}

// answerTo returns the answer to a file that has ended.
func (r *FileReceiver) answerTo(id uint32) Message {
	for _, answer := range r.answers {
		switch answer {
		case Refuse{ID: id}, FileOK{ID: id}, FileBad{ID: id}, StopFile{ID: id}:
			return answer
		}
	}
	return Refuse{ID: id}
}

func (r *FileReceiver) find(id uint32) *receivedFile {
	for _, f := range r.open {
		if f.offer.ID == id {
			return f
		}
	}
	return nil
}

func (r *FileReceiver) remove(id uint32) {
	r.open = slices.DeleteFunc(r.open, func(f *receivedFile) bool { return f.offer.ID == id })
}
