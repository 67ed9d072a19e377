package peer

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Schema is the name and version of the format of a Report.
const Schema = "callbox/call-report/1"

// Result summarises a call.
type Result string

// The results. Pass is exit code 0, and Fail is 1: the call took place, but an expectation
// was not met. Error is any other exit code.
const (
	Pass  Result = "pass"
	Fail  Result = "fail"
	Error Result = "error"
)

// Report is the result of a call. In JSON every field is present; what is unknown is
// null, never 0.
type Report struct {
	Schema     string              `json:"schema"`
	Tool       Tool                `json:"tool"`
	RunID      *string             `json:"run_id"`   // Config.RunID
	Scenario   *string             `json:"scenario"` // Config.Scenario
	Result     Result              `json:"result"`
	ExitCode   ExitCode            `json:"exit_code"`
	Reason     string              `json:"reason"` // why the call ended, and what to do about it
	Peer       Self                `json:"peer"`
	TimelineMS Timeline            `json:"timeline_ms"`
	Path       *Path               `json:"path"`          // null when never connected
	Security   *Security           `json:"security"`      // null when never connected
	SafetyCode *string             `json:"safety_code"`   // six digits; null when there is none
	Media      []Media             `json:"media"`         // null when no connection was ever tried
	Audio      *AudioQuality       `json:"audio_quality"` // null without received audio, or a round trip
	Data       *Data               `json:"data"`          // null when the other side said nothing, on the data channel ctl or about a recording
	Process    *Process            `json:"process"`       // null unless Config.MeasureProcess is set
	Expect     []ExpectationResult `json:"expect"`        // null when nothing was expected
	Events     []Moment            `json:"events"`        // in order, the first 1000
	Errors     []Failure           `json:"errors"`        // not empty if Result is Error
	Impairment *Impairment         `json:"impairment"`    // null when the network was not impaired
}

// Tool is the program that made the report.
type Tool struct {
	Version *string `json:"version"`
	Pion    *string `json:"pion"` // version of github.com/pion/webrtc/v4
	Go      string  `json:"go"`
}

// Self is this peer in the call.
type Self struct {
	Name *string `json:"name"`
	Role *Role   `json:"role"` // null if there was no other peer
	Room string  `json:"room"`
}

// Role is the role of this peer in the negotiation.
type Role string

// The roles: the peer that was in the room first calls, and the one that came later
// answers.
const (
	Caller Role = "caller"
	Callee Role = "callee"
)

// Timeline holds when things happened, in milliseconds since Join was called; null =
// never. If something happened more than once (a rebuilt connection), it is the last
// time before the call was connected.
type Timeline struct {
	Start          *int64 `json:"start"` // always 0
	WSOpen         *int64 `json:"ws_open"`
	Joined         *int64 `json:"joined"`
	PeerSeen       *int64 `json:"peer_seen"` // both are in the room
	Offer          *int64 `json:"offer"`     // sent or received
	Answer         *int64 `json:"answer"`
	FirstCandidate *int64 `json:"first_candidate"` // own, sent
	ICEConnected   *int64 `json:"ice_connected"`
	DTLSConnected  *int64 `json:"dtls_connected"`
	FirstRTP       *int64 `json:"first_rtp"`   // received
	FirstFrame     *int64 `json:"first_frame"` // received completely and decoded
	DCOpen         *int64 `json:"dc_open"`     // the other side spoke on the data channel ctl
	Hangup         *int64 `json:"hangup"`
}

// PathType says whether media goes through a TURN server.
type PathType string

// The path types. A path is relayed when the local or the remote base is a relayed address.
const (
	Direct  PathType = "direct"
	Relayed PathType = "relay"
)

// Path is the path of media: the candidate pair that was selected last.
type Path struct {
	Route
	Changes     int           `json:"changes"` // selected pairs after the first
	Moves       []Move        `json:"moves"`   // the same changes, the first 100
	ICERestarts *int          `json:"ice_restarts"`
	RTTMS       *Distribution `json:"rtt_ms"` // of ICE connectivity checks, about one a second
}

// LocalEnd is the local candidate (RFC 8445). RelayProtocol and URL are null
// unless it is relayed; the URL has no credentials, and is null too when several
// TURN servers could have given the candidate.
type LocalEnd struct {
	Type          string  `json:"type"`
	Protocol      string  `json:"protocol"`
	RelayProtocol *string `json:"relay_protocol"` // udp, tcp or tls
	URL           *string `json:"url"`
}

// RemoteEnd is the remote candidate, as this side sees it.
type RemoteEnd struct {
	Type     string `json:"type"`
	Protocol string `json:"protocol"`
}

// Distribution summarises a series of measurements.
type Distribution struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	Max  float64 `json:"max"`
}

// Media is one direction of one media section.
type Media struct {
	MID        *string  `json:"mid"`
	Kind       string   `json:"kind"` // video or audio
	Dir        string   `json:"dir"`  // recv or send
	Codec      *string  `json:"codec"`
	Negotiated bool     `json:"negotiated"`
	Flowing    bool     `json:"flowing"` // at least one packet was sent or received
	Packets    *int64   `json:"packets"`
	Lost       *int64   `json:"lost"` // sent media: as the receiver reports it
	LossPct    *float64 `json:"loss_pct"`
	Dup        *int64   `json:"dup"`
	Reordered  *int64   `json:"reordered"`
	Bytes      *int64   `json:"bytes"` // of RTP payload
	Kbps       *Rate    `json:"kbps"`
	// JitterMS is of RFC 3550, once a second; of sent media as the receiver reports it.
	JitterMS  *Distribution `json:"jitter_ms"`
	RTTMS     *Distribution `json:"rtt_ms"` // of sent media, by RTCP; null for received media
	NACK      *int64        `json:"nack"`   // received media: sent by this peer; sent media: received
	RTX       *int64        `json:"rtx"`    // packets that arrived, or were sent, again (RFC 4588)
	PLI       *int64        `json:"pli"`
	FIR       *int64        `json:"fir"`
	Frames    *Frames       `json:"frames"`     // null for audio and for what is sent but not made of frames
	LatencyMS *Latency      `json:"latency_ms"` // of received frames of the pattern; null without pings

	// KeyFramesDecoded counts received key frames that a VP8 decoder accepted.
	KeyFramesDecoded *int64 `json:"key_frames_decoded"`
	// Energy is the mean square of all samples received, 0 (silence) to 1 (full scale).
	Energy *float64 `json:"energy"`
	// ToneHz is the strongest frequency received, exact to 10 Hz; null when it is too quiet to have one.
	ToneHz *float64 `json:"tone_hz"`

	latencies  series  // differences of both clocks in ms
	burstRatio float64 // of losses; 0 = unknown
}

// Rate is a bit rate in kbit/s. All but Mean, which is of the whole stream, are of its
// whole seconds, so they are null for one that lasted less than a second.
type Rate struct {
	Mean float64  `json:"mean"`
	P50  *float64 `json:"p50"`
	P95  *float64 `json:"p95"`
	Max  *float64 `json:"max"`
}

// maxMissingListed is the maximum length of Frames.Missing.
const maxMissingListed = 1000

// Frames says what happened to the frames of a video. Frames are numbered if the
// sender draws the pattern (by its barcode), or if the RTP payload has picture IDs;
// otherwise the fields that depend on numbers are null. Intact and Corrupt are known
// only for the pattern: a frame is intact if it equals, byte for byte, what it should
// be according to its barcode.
type Frames struct {
	SentByPeer   *int64  `json:"sent_by_peer"` // by this peer; null for received media, because the other side does not tell
	Received     *int64  `json:"received"`     // complete frames
	Intact       *int64  `json:"intact"`
	Corrupt      *int64  `json:"corrupt"`
	Missing      []int64 `json:"missing"` // numbers between the first and the last received, the first 1000
	MissingCount *int64  `json:"missing_count"`
	Duplicates   *int64  `json:"duplicates"` // frames whose number had already been received
	Reordered    *int64  `json:"reordered"`  // frames that arrived after a later one
	// ReceivedPct is the percentage of the frames due between the first one and the end
	// that were received.
	ReceivedPct  *float64 `json:"received_pct"`
	FPS          *float64 `json:"fps"` // new frames per second
	Freezes      *int64   `json:"freezes"`
	LongestGapMS *float64 `json:"longest_gap_ms"` // between new frames, and after the last one
}

// Data is what arrived on the data channels.
type Data struct {
	Texts    int64     `json:"texts"`
	Files    FileCount `json:"files"`
	Recorded bool      `json:"recorded"` // the other side said that it recorded the call, or a part of it
	Pings    *Pings    `json:"pings"`    // null if none was sent
}

// FileCount is what became of the files that the other side offered.
type FileCount struct {
	Count   int64 `json:"count"` // received completely
	Bad     int64 `json:"bad"`   // of these, with another hash than the sender's
	Bytes   int64 `json:"bytes"` // of content received, of all files that were taken
	Refused int64 `json:"refused"`
}

// newTool returns the version of this program and of what it is built with.
func newTool(version string) Tool {
	t := Tool{Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok && version == "" {
		version = info.Main.Version
	}
	if version != "" {
		t.Version = &version
	}
	if !ok {
		return t
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/pion/webrtc/v4" {
			v := m.Version
			if m.Replace != nil {
				v = m.Replace.Version
			}
			t.Pion = &v
		}
	}
	return t
}

// MarshalIndent returns the report as readable JSON, ending in a newline.
func (r *Report) MarshalIndent() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // expectations contain < and >
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return b.Bytes(), err
}

// Received returns what was received of a kind ("video" or "audio"), or nil.
func (r *Report) Received(kind string) *Media { return r.first(kind, "recv") }

// first returns the first media of a kind and a direction, or nil.
func (r *Report) first(kind, dir string) *Media {
	for i := range r.Media {
		if r.Media[i].Kind == kind && r.Media[i].Dir == dir {
			return &r.Media[i]
		}
	}
	return nil
}

// ConnectTime returns how long it took from both peers being in the room to the call
// being connected (DTLS handshake completed); false if it never was.
func (r *Report) ConnectTime() (time.Duration, bool) {
	from, to := r.TimelineMS.PeerSeen, r.TimelineMS.DTLSConnected
	if from == nil || to == nil {
		return 0, false
	}
	return time.Duration(*to-*from) * time.Millisecond, true
}

// withoutCredentials returns an ICE URL that is safe to show. By RFC 7065 it has no
// credentials, but anything before an @ is removed all the same.
func withoutCredentials(url string) string {
	scheme, rest, ok := strings.Cut(url, ":")
	if i := strings.LastIndexByte(rest, '@'); ok && i >= 0 {
		return scheme + ":" + rest[i+1:]
	}
	return url
}
