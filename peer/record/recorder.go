package record

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"callbox/peer"
)

// Format is a kind of files.
type Format string

// The kinds of files.
const (
	// WebM is one file with video and audio. What WebM cannot contain (H.264, PCMU) goes
	// into a file of its own.
	WebM Format = "webm"
	// Tracks is a file for each track: IVF for VP8, VP9 and AV1, Annex B for H.264, Ogg for
	// Opus, AU for PCMU.
	Tracks Format = "tracks"
	// RTPDump is a file for each track with the packets as they arrived, in the format of
	// rtptools, to be replayed.
	RTPDump Format = "rtpdump"
)

// Formats returns all formats.
func Formats() []Format { return []Format{WebM, Tracks, RTPDump} }

// Bounds of what waits to be written. A disk that is slower loses frames.
const (
	maxQueued      = 4096
	maxQueuedBytes = 64 << 20
	maxTracks      = 16
)

const (
	// hold is how long a frame waits for frames before it that arrive late.
	hold = 250 * time.Millisecond
	// flushEvery is how often the frames are written that have waited long enough.
	flushEvery = 50 * time.Millisecond
	// durationEvery is how often the durations in the headers are corrected.
	durationEvery = time.Second
)

// Config configures a Recorder.
type Config struct {
	Dir     string       // is created if it does not exist; only its owner can read it then
	Formats []Format     // none = WebM
	Logger  *slog.Logger // nil = discard
}

// Recorder records into files of a folder. It implements peer.PacketSink, for peer.Config's
// Record. The caller must call Close after the call.
type Recorder struct {
	cfg   Config
	queue chan item
	bytes atomic.Int64 // in queue
	lost  atomic.Int64 // items for which there was no room
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	// The rest belongs to the goroutine.
	began   time.Time // when the first item arrived; zero = none has
	name    string    // what the names of all files begin with
	tracks  map[trackKey]*track
	pending []item // frames, in the order of their times
	webm    *webmOutput
	files   []*file
	faults  []error
	set     time.Time // when the durations were corrected
}

// item is a frame or a packet.
type item struct {
	frame  *peer.ReceivedFrame
	packet *dumpPacket
	mid    string
	codec  peer.Codec
	at     time.Time

	track *track
	time  time.Duration // since the recording began
}

func (i *item) size() int64 {
	if i.frame != nil {
		return int64(len(i.frame.Data))
	}
	return int64(len(i.packet.raw))
}

type trackKey struct {
	mid   string
	codec peer.Codec
}

// track is what is recorded of one media section in one codec.
type track struct {
	codec   peer.Codec
	clock   clock
	last    time.Duration // of the frame that was written last
	started bool          // a frame was written
	output  *trackOutput  // nil = none
	webm    *webmOutput   // nil = none
	number  int           // in webm
	dump    *dumpOutput   // nil = none
}

// New creates the folder and starts to record. The files are created when something
// arrives.
func New(cfg Config) (*Recorder, error) {
	if len(cfg.Formats) == 0 {
		cfg.Formats = []Format{WebM}
	}
	for _, f := range cfg.Formats {
		if !slices.Contains(Formats(), f) {
			return nil, fmt.Errorf("%q is not a format of recordings: it must be webm, tracks or rtpdump", f)
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	r := &Recorder{
		cfg: cfg, queue: make(chan item, maxQueued), stop: make(chan struct{}), done: make(chan struct{}),
		tracks: make(map[trackKey]*track),
	}
	go r.loop()
	return r, nil
}

// Frame implements peer.Sink.
func (r *Recorder) Frame(f peer.ReceivedFrame) {
	if !r.wants(WebM) && !r.wants(Tracks) {
		return
	}
	f.Data = bytes.Clone(f.Data)
	r.push(item{frame: &f, mid: f.MID, codec: f.Codec, at: f.At})
}

// Packet implements peer.PacketSink.
func (r *Recorder) Packet(p peer.ReceivedPacket) {
	if !r.wants(RTPDump) {
		return
	}
	if packet, ok := newDumpPacket(p.Packet); ok {
		r.push(item{packet: packet, mid: p.MID, codec: p.Codec, at: p.At})
	}
}

func (r *Recorder) wants(f Format) bool { return slices.Contains(r.cfg.Formats, f) }

func (r *Recorder) push(i item) {
	if r.bytes.Add(i.size()) <= maxQueuedBytes {
		select {
		case r.queue <- i:
			return
		default:
		}
	}
	r.bytes.Add(-i.size())
	r.lost.Add(1)
}

// Close ends the recording and waits until everything is written. What arrives later is not
// recorded. The error joins everything that could not be written.
func (r *Recorder) Close() error {
	r.once.Do(func() { close(r.stop) })
	<-r.done
	return errors.Join(r.faults...)
}

// Files returns the files of the recording. It must not be called before Close.
func (r *Recorder) Files() []string {
	var names []string
	for _, f := range r.files {
		names = append(names, f.Name())
	}
	return names
}

// loop writes what arrives, until Close.
func (r *Recorder) loop() {
	defer close(r.done)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case i := <-r.queue:
			r.take(i)
		case now := <-ticker.C:
			r.flush(now.Add(-hold))
			r.setDurations(now)
		case <-r.stop:
			r.finish()
			return
		}
	}
}

// finish writes everything that is left.
func (r *Recorder) finish() {
	for len(r.queue) > 0 {
		r.take(<-r.queue)
	}
	for len(r.pending) > 0 {
		r.writeFirst()
	}
	if r.webm != nil {
		r.webm.open()
	}
	r.setDurations(time.Time{})
	for _, f := range r.files {
		f.close()
	}
	if n := r.lost.Load(); n > 0 {
		r.fail(fmt.Errorf("%d frames or packets were not recorded, because they could not be written fast enough", n))
	}
}

// fail keeps an error for Close.
func (r *Recorder) fail(err error) {
	r.cfg.Logger.Warn("recording", "error", err)
	r.faults = append(r.faults, err)
}
