package peer

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"callbox/peer/ctl"
)

// maxOutbox is how many texts, and how many files, may wait to be sent.
const maxOutbox = 64

// Why a text or a file is not sent. A file may also fail with an error of package ctl:
// ErrFileRefused, ErrFileStopped, ErrFileBad or ErrFileOffset.
var (
	ErrOutboxFull  = errors.New("64 of them wait to be sent already")
	ErrCallEnded   = errors.New("the call has ended")
	ErrPeerChanged = errors.New("the other side has another certificate than before")
	ErrStopped     = errors.New("stopped")
	ErrFileChannel = errors.New("the channel of files was closed because of a fault")
)

// File is a file to send.
type File struct {
	Name string // that the other side sees: at most 255 code points without control characters
	MIME string // media type, such as image/png; may be empty
	Size int64
	// Content is read by the goroutine of the call, so it should not take long. Some of
	// it may be read more than once.
	Content io.ReaderAt
}

// Transfer is a file that is being sent.
type Transfer struct {
	file File
	call *Call
	done chan struct{}
	err  error // valid after done is closed
	id   uint32
}

// Done returns a channel that is closed when the file has arrived, or will not arrive.
func (t *Transfer) Done() <-chan struct{} { return t.done }

// Err returns, once Done is closed, why the file has not arrived intact; nil = it has.
func (t *Transfer) Err() error {
	<-t.done
	return t.err
}

// Stop ends the transfer, with ErrStopped, unless it has ended already.
func (t *Transfer) Stop() {
	select {
	case <-t.done:
	default:
		t.call.outbox.stop(t)
	}
}

// finish is called once, by the goroutine of the call.
func (t *Transfer) finish(err error) {
	t.err = err
	close(t.done)
}

// Say sends a text to the other side, now or when it can be reached. If the other side
// does not know docs/call.md, it is never sent. The error is a [*ctl.Error] if the text
// is too long or not well-formed.
func (c *Call) Say(text string) error {
	if _, err := ctl.Encode(ctl.Chat{ID: ctl.MaxID, Text: text, At: ctl.MaxInteger}); err != nil {
		return err
	}
	o := &c.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return ErrCallEnded
	case len(o.texts) >= maxOutbox:
		return fmt.Errorf("the text is not sent: %w", ErrOutboxFull)
	}
	o.texts = append(o.texts, text)
	o.signal()
	return nil
}

// SendFile offers a file to the other side, now or when it can be reached, and sends it
// when the other side takes it. The error is a [*ctl.Error] if the name or the media
// type is not well-formed.
func (c *Call) SendFile(f File) (*Transfer, error) {
	if f.Size < 0 {
		return nil, fmt.Errorf("the size of the file is %d", f.Size)
	}
	if _, err := ctl.Encode(ctl.OfferFile{ID: 1, Name: f.Name, Size: uint64(f.Size), MIME: f.MIME}); err != nil {
		return nil, err
	}
	o := &c.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return nil, ErrCallEnded
	case len(o.files) >= maxOutbox:
		return nil, fmt.Errorf("the file is not sent: %w", ErrOutboxFull)
	}
	t := &Transfer{file: f, call: c, done: make(chan struct{})}
	o.files = append(o.files, t)
	o.signal()
	return t, nil
}

// outbox is what the program wants to send, and the goroutine of the call has not yet
// taken.
type outbox struct {
	wake chan struct{} // gets a value when there is something new

	mu     sync.Mutex
	closed bool // the call has ended
	texts  []string
	files  []*Transfer
	stops  []*Transfer
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) stop(t *Transfer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.stops = append(o.stops, t)
		o.signal()
	}
}

// nextText returns the first text, and leaves it there until dropText.
func (o *outbox) nextText() (text string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.texts) == 0 {
		return "", false
	}
	return o.texts[0], true
}

func (o *outbox) dropText() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.texts = o.texts[1:]
}

// takeFile returns the next file; nil = none.
func (o *outbox) takeFile() *Transfer {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.files) == 0 {
		return nil
	}
	t := o.files[0]
	o.files = o.files[1:]
	return t
}

// takeStops returns the files that are to end. Those that were not offered have ended.
func (o *outbox) takeStops() (offered []*Transfer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.stops {
		if o.drop(t) {
			t.finish(ErrStopped)
		} else {
			offered = append(offered, t)
		}
	}
	o.stops = nil
	return offered
}

// drop removes a file that was not offered. The caller holds mu.
func (o *outbox) drop(t *Transfer) bool {
	for i, waiting := range o.files {
		if waiting == t {
			o.files = append(o.files[:i:i], o.files[i+1:]...)
			return true
		}
	}
	return false
}

// close refuses whatever comes, and ends the files that were not offered.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, t := range o.files {
		t.finish(ErrCallEnded)
	}
	o.texts, o.files, o.stops = nil, nil, nil
}
