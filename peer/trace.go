package peer

import (
	"fmt"
	"time"
)

// Moment is an event in a report.
type Moment struct {
	TMS  int64     `json:"t_ms"` // since Join was called
	Type EventKind `json:"type"`
	// Detail says in words what the event's type leaves open; null = nothing. It never
	// contains a text of a person.
	Detail *string `json:"detail"`
}

// maxMoments is the most events that a report lists.
const maxMoments = 1000

// trace is what was observed in a call, in order.
type trace []Moment

func (t *trace) add(e Event) {
	if len(*t) >= maxMoments {
		return
	}
	m := Moment{TMS: e.At.Milliseconds(), Type: e.Kind}
	if words := e.detail(); words != "" {
		m.Detail = &words
	}
	*t = append(*t, m)
}

// detail returns what a report says about the event, "" if its kind says all.
func (e *Event) detail() string {
	switch e.Kind {
	case EventJoined:
		return fmt.Sprintf("%d others in the room", e.Others)
	case EventPeerSeen:
		return fmt.Sprintf("%s; this peer is the %s", e.Name, e.Role)
	case EventConnected:
		kind := "an unknown"
		if e.Path != nil {
			kind = string(e.Path.Type)
		}
		return fmt.Sprintf("after %v, on a path of type %s", e.Took.Round(time.Millisecond), kind)
	case EventFile, EventFileRefused:
		words := fmt.Sprintf("%s, %d bytes", e.File, e.Bytes)
		if e.Reason != "" {
			words += ": " + e.Reason
		}
		return words
	case EventSafetyCode:
		return e.Code
	default:
		return e.Reason
	}
}
