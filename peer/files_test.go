package peer_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"callbox/peer"
	"callbox/peer/ctl"
)

// fileOf returns a file whose content is not the same anywhere.
func fileOf(size int) peer.File {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i>>16 ^ i>>8 ^ i)
	}
	return peer.File{Name: "notes.txt", MIME: "text/plain", Size: int64(size), Content: bytes.NewReader(content)}
}

// silent returns a configuration that sends neither video nor audio, which take time.
func (s *server) silent(tb testing.TB, name string) peer.Config {
	tb.Helper()
	cfg := s.bot(tb, name)
	cfg.Video, cfg.Audio = nil, nil
	return cfg
}

// fileHash is the hash of a file in docs/call.md, computed in another way than the
// bot's.
func fileHash(content []byte) ctl.Value {
	var sums []byte
	for block := range slices.Chunk(content, 1<<20) {
		sum := sha256.Sum256(block)
		sums = append(sums, sum[:]...)
	}
	return sha256.Sum256(sums)
}

func sendFile(t *testing.T, c *peer.Call, f peer.File) *peer.Transfer {
	t.Helper()
	transfer, err := c.SendFile(f)
	if err != nil {
		t.Fatal(err)
	}
	return transfer
}

// outcomeOf waits for the end of a transfer.
func outcomeOf(t *testing.T, transfer *peer.Transfer) error {
	t.Helper()
	await(t, "the end of the transfer", transfer.Done())
	return transfer.Err()
}

// logged is a log that a test can read.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Files arrive intact, and are counted at the other side.
func TestFileArrives(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.silent(t, "Ann"), s.silent(t, "Bo")
	sizes := []int{0, 1, 1 << 20, 1<<20 + 7, 5000} // five: one more than may be open
	total := 0
	for _, size := range sizes {
		total += size
	}
	b.TakeFiles = int64(total)
	files := events(&b, peer.EventFile)
	first, second := join(t, a), join(t, b)
	var transfers []*peer.Transfer
	for _, size := range sizes {
		transfers = append(transfers, sendFile(t, first, fileOf(size)))
	}
	for i, transfer := range transfers {
		if err := outcomeOf(t, transfer); err != nil {
			t.Errorf("file %d: %v", i, err)
		}
		if e := next(t, "a file at the other side", files); e.Reason != "" || e.File != "notes.txt" || !slices.Contains(sizes, int(e.Bytes)) {
			t.Errorf("%+v", e)
		}
	}
	if err := outcomeOf(t, sendFile(t, first, fileOf(1))); !errors.Is(err, ctl.ErrFileRefused) {
		t.Errorf("a byte more than may be taken: %v", err)
	}
	if err := outcomeOf(t, sendFile(t, second, fileOf(1))); !errors.Is(err, ctl.ErrFileRefused) {
		t.Errorf("a file to a bot that takes none: %v", err)
	}
	first.Hangup()
	want := peer.FileCount{Count: int64(len(sizes)), Bytes: int64(total), Refused: 1}
	if r := second.Wait(); r.Data == nil || r.Data.Files != want {
		t.Errorf("reported %+v, want %+v", r.Data, want)
	}
	if r := first.Wait(); r.Data == nil || r.Data.Files != (peer.FileCount{Refused: 1}) {
		t.Errorf("the sender reported %+v", r.Data)
	}
}

// watched is a content that says when it is read at an offset for the first time, and
// then waits.
type watched struct {
	io.ReaderAt
	at            int64
	reached, goOn chan struct{}

	mu       sync.Mutex
	restarts []int64 // offsets that are not after the one before
	last     int64
}

func watch(f *peer.File, at int64) *watched {
	w := &watched{ReaderAt: f.Content, at: at, reached: make(chan struct{}), goOn: make(chan struct{}), last: -1}
	f.Content = w
	return w
}

func (w *watched) ReadAt(content []byte, offset int64) (int, error) {
	w.mu.Lock()
	if offset <= w.last {
		w.restarts = append(w.restarts, offset)
	}
	wait := w.at > w.last && w.at <= offset
	w.last = offset
	w.mu.Unlock()
	if wait {
		close(w.reached)
		<-w.goOn
		w.at = -1
	}
	return w.ReaderAt.ReadAt(content, offset)
}

// A file whose connection is rebuilt continues at a block, and arrives intact.
func TestFileContinues(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.silent(t, "Ann"), s.silent(t, "Bo")
	b.TakeFiles = 6 << 20
	rebuilt := events(&b, peer.EventRebuild)
	first, second := join(t, a), join(t, b)
	f := fileOf(6<<20 - 5)
	w := watch(&f, 4<<20) // at most 2 MiB of it are under way then
	transfer := sendFile(t, first, f)
	await(t, "4 MiB", w.reached)
	first.Rebuild()
	close(w.goOn)
	next(t, "the new connection", rebuilt)
	if err := outcomeOf(t, transfer); err != nil {
		t.Error(err)
	}
	if len(w.restarts) != 1 || w.restarts[0]%(1<<20) != 0 || w.restarts[0] == 0 {
		t.Errorf("read again from %v", w.restarts)
	}
	first.Hangup()
	first.Wait()
	if r := second.Wait(); r.Data.Files.Count != 1 || r.Data.Files.Bad != 0 {
		t.Errorf("reported %+v", r.Data.Files)
	}
}

// Whoever stops a file ends it at both sides, and others can follow.
func TestFileIsStopped(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a, b := s.silent(t, "Ann"), s.silent(t, "Bo")
	b.TakeFiles = 1 << 30
	files := events(&b, peer.EventFile)
	first, second := join(t, a), join(t, b)
	f := fileOf(4 << 20)
	w := watch(&f, 1<<20)
	stopped := sendFile(t, first, f)
	await(t, "1 MiB", w.reached)
	stopped.Stop()
	close(w.goOn)
	if err := outcomeOf(t, stopped); !errors.Is(err, peer.ErrStopped) {
		t.Error(err)
	}
	stopped.Stop() // it has ended
	if e := next(t, "the end at the other side", files); e.Reason == "" {
		t.Errorf("%+v", e)
	}
	short := fileOf(10)
	short.Size = 11
	if err := outcomeOf(t, sendFile(t, first, short)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is shorter than it says: %v", err)
	}
	if err := outcomeOf(t, sendFile(t, first, fileOf(100))); err != nil {
		t.Errorf("the next file: %v", err)
	}
	first.Hangup()
	if r := second.Wait(); r.Data.Files.Count != 1 {
		t.Errorf("reported %+v", r.Data.Files)
	}
	first.Wait()
}

// What is under way when the call ends, ends with it.
func TestFilesEndWithCall(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	bot, w := listening(t, s, &cfg)
	var transfers []*peer.Transfer
	for range 5 {
		transfers = append(transfers, sendFile(t, bot, fileOf(10)))
	}
	if offer, ok := w.toldAbout().(ctl.OfferFile); !ok || offer.ID != 1 {
		t.Errorf("told %+v", offer)
	}
	bot.Hangup()
	for _, transfer := range transfers {
		if err := outcomeOf(t, transfer); !errors.Is(err, peer.ErrCallEnded) {
			t.Error(err)
		}
	}
}

// A page offers a file to a bot that takes files, and sends some bytes of it.
func taking(t *testing.T, size uint64) (*peer.Call, *talker, <-chan peer.Event) {
	t.Helper()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.TakeFiles = 1 << 20
	files := events(&cfg, peer.EventFile)
	bot, w := listening(t, s, &cfg)
	w.tell(ctl.OfferFile{ID: 2, Name: "/etc\\\u202egpj.exe", Size: size})
	if take := w.toldAbout(); take != (ctl.Take{ID: 2}) {
		t.Fatalf("told %+v", take)
	}
	return bot, w, files
}

func (w *talker) send(p ctl.Piece) {
	w.t.Helper()
	if err := w.file.Send(p.Append(nil)); err != nil {
		w.t.Fatal(err)
	}
}

func TestFileIsChecked(t *testing.T) {
	t.Parallel()
	content := []byte("what a page sends")
	for name, c := range map[string]struct {
		hash ctl.Value
		want ctl.Message
		bad  int64
	}{
		"intact":  {fileHash(content), ctl.FileOK{ID: 2}, 0},
		"damaged": {fileHash(content[1:]), ctl.FileBad{ID: 2}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bot, w, files := taking(t, uint64(len(content)))
			w.send(ctl.Piece{ID: 2, Content: content[:5]})
			w.tell(ctl.FileEnd{ID: 2, SHA256: c.hash})
			w.send(ctl.Piece{ID: 2, Offset: 5, Content: content[5:]})
			if answer := w.toldAbout(); answer != c.want {
				t.Errorf("told %+v", answer)
			}
			if e := next(t, "the event", files); (e.Reason != "") != (c.bad > 0) || e.File != "gpj.exe" {
				t.Errorf("%+v", e)
			}
			bot.Hangup()
			if r := bot.Wait(); r.Data.Files != (peer.FileCount{Count: 1, Bad: c.bad, Bytes: int64(len(content))}) {
				t.Errorf("reported %+v", r.Data.Files)
			}
		})
	}
}

// An end that breaks the rules of files loses the channel of files and all that is
// under way, in both directions. The call goes on, and so does ctl.
func TestFileViolations(t *testing.T) {
	t.Parallel()
	for name, violate := range map[string]func(w *talker){
		"not taken":       func(w *talker) { w.send(ctl.Piece{ID: 4, Content: []byte{1}}) },
		"out of order":    func(w *talker) { w.send(ctl.Piece{ID: 2, Offset: 1, Content: []byte{1}}) },
		"beyond the size": func(w *talker) { w.send(ctl.Piece{ID: 2, Content: make([]byte, 101)}) },
		"too large":       func(w *talker) { _ = w.file.Send(make([]byte, 16<<10+1)) },
		"a text":          func(w *talker) { _ = w.file.SendText("00000000000000") },
		"five at once": func(w *talker) {
			for id := uint32(4); id <= 10; id += 2 {
				w.tell(ctl.OfferFile{ID: id})
			}
		},
		"an id of the other end": func(w *talker) { w.tell(ctl.OfferFile{ID: 3}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bot, w, files := taking(t, 100)
			sent := sendFile(t, bot, fileOf(10))
			if offer, ok := w.toldAbout().(ctl.OfferFile); !ok {
				t.Fatalf("told %+v", offer)
			}
			violate(w)
			await(t, "the end of the channel of files", w.noFile)
			if err := outcomeOf(t, sent); !errors.Is(err, peer.ErrFileChannel) {
				t.Errorf("the bot's own file: %v", err)
			}
			if e := next(t, "the event", files); e.Reason == "" || e.Bytes != 100 {
				t.Errorf("%+v", e)
			}
			w.tell(ctl.OfferFile{ID: 12, Size: 1})
			stopped := map[ctl.Message]bool{}
			for m := w.toldAbout(); m != (ctl.Refuse{ID: 12}); m = w.toldAbout() {
				stopped[m] = true
			}
			if !stopped[ctl.StopFile{ID: 1}] || !stopped[ctl.StopFile{ID: 2}] {
				t.Errorf("told %v", stopped)
			}
			w.tell(ctl.Ping{N: 1})
			if pong, ok := w.toldAbout().(ctl.Pong); !ok {
				t.Errorf("told %+v", pong)
			}
			stillThere(t, bot)
		})
	}
}

// On a connection with another certificate nothing is repeated: it may be somebody
// else.
func TestMessagesBelongToCertificates(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	cfg := s.listener(t)
	cfg.TakeFiles = 100
	files := events(&cfg, peer.EventFile)
	bot, w := listening(t, s, &cfg)
	if err := bot.Say("to the first"); err != nil {
		t.Fatal(err)
	}
	sent := sendFile(t, bot, fileOf(10))
	w.tell(ctl.OfferFile{ID: 2, Size: 100})
	for range 3 { // the text and the offer, and the answer
		w.toldAbout()
	}
	w.certificates = nil
	bot.Rebuild()
	w.answerAgain(2)
	if err := outcomeOf(t, sent); !errors.Is(err, peer.ErrPeerChanged) {
		t.Error(err)
	}
	if e := next(t, "the end of the file", files); e.Reason == "" {
		t.Errorf("%+v", e)
	}
	if err := bot.Say("to the second"); err != nil {
		t.Fatal(err)
	}
	if said, ok := w.toldAbout().(ctl.Chat); !ok || said.Text != "to the second" || said.ID != 1 {
		t.Errorf("told %+v", said)
	}
	w.tell(ctl.OfferFile{ID: 2, Size: 1}) // ids begin anew, what was taken still counts
	if refuse := w.toldAbout(); refuse != (ctl.Refuse{ID: 2}) {
		t.Errorf("told %+v", refuse)
	}
}
