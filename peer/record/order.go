package record

import (
	"slices"
	"sort"
	"time"

	"callbox/peer/vp8"

	"callbox/peer"
)

// take puts a frame into the order, and writes a packet.
func (r *Recorder) take(i item) {
	r.bytes.Add(-i.size())
	if r.began.IsZero() {
		r.began = i.at
		r.name = i.at.UTC().Format("20060102T150405Z")
	}
	if i.track = r.track(i.mid, i.codec); i.track == nil {
		return
	}
	if i.packet != nil {
		r.dump(&i)
		return
	}
	i.time = i.track.clock.at(i.frame.Timestamp, max(0, i.at.Sub(r.began)))
	at := sort.Search(len(r.pending), func(n int) bool { return r.pending[n].time > i.time })
	r.pending = slices.Insert(r.pending, at, i)
	if len(r.pending) > maxQueued {
		r.writeFirst()
	}
}

// track returns the track of a frame; nil if there are too many.
func (r *Recorder) track(mid string, codec peer.Codec) *track {
	key := trackKey{mid, codec}
	t := r.tracks[key]
	if t == nil && len(r.tracks) < maxTracks {
		t = &track{codec: codec, clock: clock{rate: codec.ClockRate()}}
		r.tracks[key] = t
	}
	return t
}

// flush writes the frames that arrived before a time, and those before them.
func (r *Recorder) flush(until time.Time) {
	for len(r.pending) > 0 && !r.pending[0].at.After(until) {
		r.writeFirst()
	}
	if r.webm != nil && !r.webm.first.After(until.Add(hold-waitForTracks)) {
		r.webm.open()
	}
}

// writeFirst writes the first of the pending frames.
func (r *Recorder) writeFirst() {
	i := r.pending[0]
	r.pending = slices.Delete(r.pending, 0, 1)
	t := i.track
	i.frame.KeyFrame = isKeyFrame(i.frame)
	switch {
	case t.started && i.time <= t.last: // too late, or there twice
		return
	case !t.started && !i.frame.KeyFrame: // it could not be decoded
		return
	}
	t.started, t.last = true, i.time
	inWebM := r.wants(WebM) && fitsWebM(i.codec)
	if inWebM {
		r.writeWebM(&i)
	}
	if r.wants(Tracks) || !inWebM {
		r.writeTrack(&i)
	}
}

// setDurations corrects the durations in the headers if that is due; at the zero time, it is.
func (r *Recorder) setDurations(now time.Time) {
	if !now.IsZero() && now.Sub(r.set) < durationEvery {
		return
	}
	r.set = now
	for _, f := range r.files {
		f.setDuration()
	}
}

// isKeyFrame reports whether decoding can begin with a frame; with audio it can always.
func isKeyFrame(f *peer.ReceivedFrame) bool {
	switch f.Codec {
	case peer.VP8:
		return vp8.IsKeyFrame(f.Data)
	default:
		return f.Codec.Kind() == "audio" || f.KeyFrame
	}
}
