package record

import (
	"slices"
	"time"

	"callbox/peer"
	"callbox/peer/opus"
	"callbox/peer/webm"
)

// waitForTracks is how long a WebM file waits for its second track: the header names all
// of them. A track that comes later gets a file of its own.
const waitForTracks = time.Second

// webmOutput is a WebM file. Until it is open, its frames wait.
type webmOutput struct {
	recorder *Recorder
	file     *file
	writer   *webm.Writer // nil = not open yet
	first    time.Time    // when its first frame arrived
	start    time.Duration
	tracks   []webm.Track
	kinds    []string
	waiting  []item
	ends     []time.Duration // of the last frame of each track
	lengths  []time.Duration
}

// fitsWebM reports whether WebM has a codec.
func fitsWebM(c peer.Codec) bool { return c == peer.VP8 || c == peer.Opus }

// writeWebM appends a frame to the file of its track.
func (r *Recorder) writeWebM(i *item) {
	t := i.track
	if t.webm == nil {
		if r.webm == nil || r.webm.writer != nil || slices.Contains(r.webm.kinds, i.codec.Kind()) {
			if r.webm != nil {
				r.webm.open()
			}
			r.webm = &webmOutput{recorder: r, first: i.at, start: i.time}
		}
		t.webm, t.number = r.webm, len(r.webm.tracks)
		r.webm.add(i.frame)
	}
	o := t.webm
	if o.writer == nil && o.file == nil {
		o.waiting = append(o.waiting, *i)
		if len(o.kinds) == 2 || len(o.waiting) > maxQueued {
			o.open()
		}
		return
	}
	o.write(i)
}

// add adds the track of a frame.
func (o *webmOutput) add(f *peer.ReceivedFrame) {
	t := webm.Track{Codec: webm.VP8}
	if f.Codec == peer.Opus {
		t = webm.Track{Codec: webm.Opus, Private: opus.Head()}
	}
	t.Width, t.Height = pixels(f)
	o.tracks, o.kinds = append(o.tracks, t), append(o.kinds, f.Codec.Kind())
	o.ends, o.lengths = append(o.ends, 0), append(o.lengths, 0)
}

// open creates the file with the tracks that there are, and writes what waited.
func (o *webmOutput) open() {
	if o.file != nil || len(o.tracks) == 0 {
		return
	}
	var err error
	if o.file, err = o.recorder.create("call", ".webm"); err != nil {
		o.file = &file{recorder: o.recorder, broken: true}
	} else if o.writer, err = webm.NewWriter(o.file, o.first, o.tracks); err == nil {
		o.file.declare = o.writer.SetDuration
	}
	if err != nil {
		o.file.check(0, err)
	}
	for _, i := range o.waiting {
		o.write(&i)
	}
	o.waiting = nil
}

func (o *webmOutput) write(i *item) {
	if o.file.broken {
		return
	}
	n, at := i.track.number, i.time-o.start
	if o.lengths[n] = frameLength(i.frame, at-o.ends[n]); o.ends[n] == 0 {
		o.lengths[n] = frameLength(i.frame, 0)
	}
	o.ends[n] = at
	err := o.writer.Write(webm.Block{Track: n, Time: at, KeyFrame: i.frame.KeyFrame, Data: i.frame.Data})
	o.file.check(at+o.lengths[n], err)
}
