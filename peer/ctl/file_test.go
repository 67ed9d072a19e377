package ctl

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// filePair is the two ends of a transfer, without a network between them: both queues
// keep their order, but either may be ahead of the other.
type filePair struct {
	sender   *FileSender
	receiver *FileReceiver
	content  map[uint32][]byte
	arrived  map[uint32][]byte
	results  map[uint32]error
	there    []Message // on ctl, to the receiver
	back     []Message // on ctl, to the sender
	pieces   [][]byte  // on file, to the receiver
}

func newFilePair() *filePair {
	return &filePair{
		sender: NewFileSender(false), receiver: NewFileReceiver(true),
		content: map[uint32][]byte{}, arrived: map[uint32][]byte{}, results: map[uint32]error{},
	}
}

func (p *filePair) offer(tb testing.TB, content []byte) uint32 {
	tb.Helper()
	m, err := p.sender.Offer("name", uint64(len(content)), "")
	if err != nil {
		tb.Fatal(err)
	}
	p.content[m.ID] = content
	p.there = append(p.there, m)
	return m.ID
}

// cut rebuilds the connection: what is under way is lost.
func (p *filePair) cut() {
	p.there, p.back, p.pieces = nil, nil, nil
	p.receiver.Reconnect()
	p.there = p.sender.Reconnect()
}

// The parts of step, each of which reports whether there was something to do.
func (p *filePair) send() bool {
	id, offset, n, ok := p.sender.Next()
	if !ok {
		return false
	}
	content := p.content[id][offset:][:n]
	piece := Piece{ID: id, Offset: offset, Content: content}
	p.pieces = append(p.pieces, piece.Append(nil))
	if end := p.sender.Sent(id, content); end != nil {
		p.there = append(p.there, end)
	}
	return true
}

func (p *filePair) receivePiece() (bool, error) {
	if len(p.pieces) == 0 {
		return false, nil
	}
	message := p.pieces[0]
	p.pieces = p.pieces[1:]
	piece, used, answer, err := p.receiver.Receive(message)
	if used {
		p.arrived[piece.ID] = append(p.arrived[piece.ID][:piece.Offset], piece.Content...)
	}
	p.answer(answer)
	return true, err
}

func (p *filePair) answer(m Message) {
	if m != nil {
		p.back = append(p.back, m)
	}
}

func (p *filePair) receiveMessage() (bool, error) {
	if len(p.there) == 0 {
		return false, nil
	}
	m := p.there[0]
	p.there = p.there[1:]
	switch m := m.(type) {
	case OfferFile:
		answer, isNew, err := p.receiver.Offer(m)
		if err != nil {
			return true, err
		}
		if isNew {
			answer = p.receiver.Take(m.ID)
		}
		p.answer(answer)
	case FileEnd:
		p.answer(p.receiver.End(m))
	case StopFile:
		p.receiver.Stopped(m)
	}
	return true, nil
}

func (p *filePair) receiveAnswer() bool {
	if len(p.back) == 0 {
		return false
	}
	m := p.back[0]
	p.back = p.back[1:]
	if take, ok := m.(Take); ok {
		answer, err := p.sender.Take(take)
		if answer != nil {
			p.there = append(p.there, answer)
		}
		if err != nil {
			p.results[take.ID] = err
		}
		return true
	}
	if id, ended, err := p.sender.Receive(m); ended {
		p.results[id] = err
	}
	return true
}

// settle does everything that there is to do, in a random order.
func (p *filePair) settle(tb testing.TB, random *rand.Rand, cuts int) {
	tb.Helper()
	for idle := 0; idle < 64; {
		busy, err := true, error(nil)
		switch random.IntN(4) {
		case 0:
			busy = p.send()
		case 1:
			busy, err = p.receivePiece()
		case 2:
			busy, err = p.receiveMessage()
		case 3:
			busy = p.receiveAnswer()
		}
		if err != nil {
			tb.Fatal(err)
		}
		if idle++; busy {
			idle = 0
		}
		if cuts > 0 && random.IntN(150) == 0 {
			cuts--
			p.cut()
		}
	}
}

// Four files at once arrive intact, however their messages overtake each other and
// however often the connection is cut.
func TestFilesArriveIntact(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 4 {
		p := newFilePair()
		for _, size := range []int{0, 1, FileBlock, 2*FileBlock + 77_777} {
			p.offer(t, sampleContent(size))
		}
		if p.sender.CanOffer() {
			t.Error("a fifth file may be offered")
		}
		p.settle(t, random, 6)
		for id, content := range p.content {
			if err, ended := p.results[id]; err != nil || !ended || !bytes.Equal(p.arrived[id], content) {
				t.Errorf("file %d: %v, ended %v, %d of %d bytes", id, err, ended, len(p.arrived[id]), len(content))
			}
		}
		if len(p.sender.Open())+len(p.receiver.Open()) != 0 || !p.sender.CanOffer() {
			t.Errorf("open: %v, %v", p.sender.Open(), p.receiver.Open())
		}
	}
}

// After a cut, a file continues at the last complete block, and not at its beginning.
func TestFileContinuesAtBlock(t *testing.T) {
	t.Parallel()
	p := newFilePair()
	id := p.offer(t, sampleContent(3*FileBlock))
	_, _ = p.receiveMessage()
	p.receiveAnswer()
	for range 2*FileBlock/MaxFileContent + 10 {
		p.send()
		if _, err := p.receivePiece(); err != nil {
			t.Fatal(err)
		}
	}
	p.cut()
	if _, err := p.receiveMessage(); err != nil {
		t.Fatal(err)
	}
	if want := []Message{Take{ID: id, Offset: 2 * FileBlock}}; !slices.Equal(p.back, want) {
		t.Fatalf("answered %v, want %v", p.back, want)
	}
	p.receiveAnswer()
	if _, offset, _, ok := p.sender.Next(); !ok || offset != 2*FileBlock {
		t.Errorf("continues at %d", offset)
	}
}

// What a receiver answered and was lost, it answers again; it has forgotten older files.
func TestAnswersAreRepeated(t *testing.T) {
	t.Parallel()
	r := NewFileReceiver(false)
	offer := func(id uint32) OfferFile { return OfferFile{ID: id, Size: 0} }
	open := func(id uint32) {
		if _, isNew, err := r.Offer(offer(id)); !isNew || err != nil {
			t.Fatal(isNew, err)
		}
	}
	end := func(id uint32, sum Value) Message {
		r.Take(id)
		return r.End(FileEnd{ID: id, SHA256: sum})
	}
	for id := uint32(2); id <= 8; id += 2 {
		open(id)
	}
	r.Refuse(2)
	want := []Message{end(4, newFileHash().sum()), end(6, Value{}), r.Stop(8)}
	if !slices.Equal(want, []Message{FileOK{ID: 4}, FileBad{ID: 6}, StopFile{ID: 8}}) {
		t.Fatalf("answered %v", want)
	}
	r.Reconnect()
	for i, m := range append([]Message{Refuse{ID: 2}}, want...) {
		if answer, isNew, err := r.Offer(offer(uint32(2*i + 2))); answer != m || isNew || err != nil {
			t.Errorf("answered %v, %v, %v; want %v", answer, isNew, err, m)
		}
	}
	open(10)
	end(10, newFileHash().sum())
	if answer, _, _ := r.Offer(offer(2)); answer != (Refuse{ID: 2}) {
		t.Errorf("answered %v", answer)
	}
	open(12)
	if answer, isNew, err := r.Offer(offer(12)); answer != nil || isNew || err != nil {
		t.Errorf("an offer that waits was answered: %v, %v, %v", answer, isNew, err)
	}
	r.Take(12)
	if answer, _, _ := r.Offer(offer(12)); answer != nil {
		t.Errorf("an offer that was taken on this connection was answered: %v", answer)
	}
}

// The word that a file was stopped may be lost, too. Without it, the receiver would
// count the file among those that have not ended.
func TestStopsAreRepeated(t *testing.T) {
	t.Parallel()
	p := newFilePair()
	for range MaxOpenFiles {
		p.offer(t, make([]byte, 10))
	}
	p.settleMessages(t)
	for _, id := range p.sender.Open() {
		if stop := p.sender.Stop(id); stop != (StopFile{ID: id}) {
			t.Errorf("told %v", stop)
		}
	}
	p.cut()
	for range MaxOpenFiles {
		p.offer(t, make([]byte, 10))
	}
	p.settleMessages(t)
	if open := p.receiver.Open(); !slices.Equal(open, p.sender.Open()) || len(open) != MaxOpenFiles {
		t.Errorf("open: %v, %v", open, p.sender.Open())
	}
}

// settleMessages lets the receiver handle all messages on ctl.
func (p *filePair) settleMessages(tb testing.TB) {
	tb.Helper()
	for {
		some, err := p.receiveMessage()
		if err != nil {
			tb.Fatal(err)
		}
		if !some {
			return
		}
	}
}

// A message that does not fit changes nothing.
func TestFileAnswersThatDoNotFit(t *testing.T) {
	t.Parallel()
	p := newFilePair()
	id := p.offer(t, make([]byte, 10))
	for _, m := range []Message{FileOK{ID: id}, FileBad{ID: id}, Refuse{ID: id + 2}, StopFile{ID: 2}, State{}, nil} {
		if _, ended, err := p.sender.Receive(m); ended || err != nil {
			t.Errorf("%#v ended the file: %v", m, err)
		}
	}
	if answer, err := p.sender.Take(Take{ID: id}); answer != nil || err != nil {
		t.Errorf("take was answered with %v, %v", answer, err)
	}
	p.send()
	if answer, err := p.sender.Take(Take{ID: id}); answer != nil || err != nil {
		t.Errorf("another take was answered with %v, %v", answer, err)
	}
	if _, _, _, ok := p.sender.Next(); ok {
		t.Error("another take sends the bytes again")
	}
	if answer := p.receiver.End(FileEnd{ID: id}); answer != nil {
		t.Errorf("the end of an unknown file was answered with %v", answer)
	}
	if p.receiver.Stopped(StopFile{ID: id}) || p.receiver.Stop(id) != nil {
		t.Error("an unknown file was stopped")
	}
}

func TestFileEndsWithoutArriving(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer Message
		want   error
	}{
		"refused": {Refuse{ID: 1}, ErrFileRefused},
		"stopped": {StopFile{ID: 1}, ErrFileStopped},
	} {
		p := newFilePair()
		p.offer(t, make([]byte, 10))
		if id, ended, err := p.sender.Receive(c.answer); id != 1 || !ended || !errors.Is(err, c.want) {
			t.Errorf("%s: %d, %v, %v", name, id, ended, err)
		}
	}
	p := newFilePair()
	p.offer(t, make([]byte, 2*FileBlock))
	if answer, err := p.sender.Take(Take{ID: 1, Offset: FileBlock}); answer != (StopFile{ID: 1}) || !errors.Is(err, ErrFileOffset) {
		t.Errorf("an offset beyond what was sent: %v, %v", answer, err)
	}
	if p.sender.Stop(1) != nil || p.sender.Stop(3) != nil {
		t.Error("a file that had ended was stopped")
	}
}

// Bytes of a stopped file, which were under way, are discarded.
func TestBytesOfStoppedFile(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(p *filePair){
		"by the receiver": func(p *filePair) { p.receiver.Stop(1) },
		"by the sender":   func(p *filePair) { p.receiver.Stopped(StopFile{ID: 1}) },
	} {
		p := newFilePair()
		p.offer(t, make([]byte, 2*MaxFileContent))
		_, _ = p.receiveMessage()
		p.receiveAnswer()
		p.send()
		p.send()
		_, _ = p.receivePiece()
		stop(p)
		if some, err := p.receivePiece(); !some || err != nil || len(p.arrived[1]) != MaxFileContent {
			t.Errorf("%s: %v, %d bytes", name, err, len(p.arrived[1]))
		}
		p.pieces = append(p.pieces, (&Piece{ID: 1, Content: []byte{1}}).Append(nil))
		p.receiver.Reconnect() // on another connection, nothing is under way
		if _, err := p.receivePiece(); !errors.Is(err, ErrNotTaken) {
			t.Errorf("%s: on another connection %v", name, err)
		}
	}
}

func TestFileViolations(t *testing.T) {
	t.Parallel()
	piece := func(id uint32, offset uint64, n int) []byte {
		return (&Piece{ID: id, Offset: offset, Content: make([]byte, n)}).Append(nil)
	}
	// File 1 is taken, and has 2,000 bytes; file 3 is not.
	for name, c := range map[string]struct {
		messages [][]byte
		want     error
	}{
		"in order":                 {[][]byte{piece(1, 0, 1000), piece(1, 1000, 1000)}, nil},
		"not taken":                {[][]byte{piece(3, 0, 1)}, ErrNotTaken},
		"not offered":              {[][]byte{piece(5, 0, 1)}, ErrNotTaken},
		"a gap":                    {[][]byte{piece(1, 0, 1000), piece(1, 1001, 1)}, ErrFileOrder},
		"again":                    {[][]byte{piece(1, 0, 1000), piece(1, 0, 1000)}, ErrFileOrder},
		"beyond the end":           {[][]byte{piece(1, 0, 2001)}, ErrFileSize},
		"after the end":            {[][]byte{piece(1, 0, 2000), piece(1, 2000, 1)}, ErrFileSize},
		"an offset beyond any end": {[][]byte{piece(1, 1<<64-1, 1)}, ErrFileOrder},
		"no content":               {[][]byte{piece(1, 0, 0)}, ErrPiece},
		"too large":                {[][]byte{piece(1, 0, MaxFileContent+1)}, ErrPiece},
		"empty":                    {[][]byte{nil}, ErrPiece},
	} {
		r := NewFileReceiver(true)
		for _, id := range []uint32{1, 3} {
			if _, isNew, err := r.Offer(OfferFile{ID: id, Size: 2000}); !isNew || err != nil {
				t.Fatal(isNew, err)
			}
		}
		r.Take(1)
		var err error
		for i, m := range c.messages {
			if err != nil {
				t.Errorf("%s: message %d: %v", name, i-1, err)
			}
			_, _, _, err = r.Receive(m)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestOfferViolations(t *testing.T) {
	t.Parallel()
	r := NewFileReceiver(true)
	for id := uint32(1); id <= 7; id += 2 {
		if _, isNew, err := r.Offer(OfferFile{ID: id, Size: 10}); !isNew || err != nil {
			t.Fatal(isNew, err)
		}
	}
	for m, want := range map[OfferFile]error{
		{ID: 2, Size: 10}:            ErrFileID,
		{ID: 1, Size: 11}:            ErrFileOffer,
		{ID: 1, Size: 10, Name: "x"}: ErrFileOffer,
		{ID: 9, Size: 10}:            ErrOpenFiles,
	} {
		if answer, isNew, err := r.Offer(m); !errors.Is(err, want) || answer != nil || isNew {
			t.Errorf("%+v: %v, %v, %v; want %v", m, answer, isNew, err, want)
		}
	}
	r.Refuse(7)
	if _, isNew, err := r.Offer(OfferFile{ID: 9}); !isNew || err != nil {
		t.Errorf("after one was refused: %v, %v", isNew, err)
	}
}

// However often files are stopped, a receiver remembers a bounded number of them.
func TestReceiverIsBounded(t *testing.T) {
	t.Parallel()
	r := NewFileReceiver(true)
	for id := uint32(1); id < 1001; id += 2 {
		if _, _, err := r.Offer(OfferFile{ID: id, Size: 10}); err != nil {
			t.Fatal(err)
		}
		r.Take(id)
		r.Stop(id)
	}
	if len(r.stopped) != maxStopped || len(r.answers) != MaxOpenFiles || len(r.open) != 0 {
		t.Errorf("%d, %d, %d", len(r.stopped), len(r.answers), len(r.open))
	}
}

// Whatever comes on the channel of files, a receiver counts what it has been sent.
func FuzzFileReceiver(f *testing.F) {
	f.Add([]byte{}, uint64(5))
	f.Add((&Piece{ID: 1, Content: []byte("hello")}).Append(nil), uint64(5))
	f.Add((&Piece{ID: 1, Offset: 5, Content: []byte("hello")}).Append(nil), uint64(10))
	f.Fuzz(func(t *testing.T, message []byte, size uint64) {
		r := NewFileReceiver(true)
		if _, _, err := r.Offer(OfferFile{ID: 1, Size: size % (MaxInteger + 1)}); err != nil {
			t.Fatal(err)
		}
		r.Take(1)
		p, used, answer, err := r.Receive(message)
		if used && (err != nil || p.ID != 1 || p.Offset != 0 || len(p.Content) != len(message)-12) || !used && err == nil || answer != nil {
			t.Fatalf("%+v, %v, %v, %v", p, used, answer, err)
		}
		if end := r.End(FileEnd{ID: 1}); used && size%(MaxInteger+1) == uint64(len(p.Content)) && end != (FileBad{ID: 1}) {
			t.Fatalf("a wrong hash was answered with %v", end)
		}
	})
}
