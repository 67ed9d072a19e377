package peer

import (
	"slices"
	"strings"
)

// Stage is the part of a call in which something failed.
type Stage string

// The stages.
const (
	StageJoin        Stage = "join"        // reaching the server and joining the room
	StagePeer        Stage = "peer"        // another peer comes, and stays
	StageSignaling   Stage = "signaling"   // the connection to the server, after the join
	StageNegotiation Stage = "negotiation" // offer and answer
	StageICE         Stage = "ice"         // candidates and their pairs, TURN included
	StageDTLS        Stage = "dtls"
	StageMedia       Stage = "media" // what is received once connected
	StageCall        Stage = "call"  // the connection, once it was there
	StageData        Stage = "data"  // the data channels
	StageSafety      Stage = "safety_code"
)

// Failure is something that went wrong in a call.
type Failure struct {
	Stage Stage  `json:"stage"`
	Code  string `json:"code"` // for programs; docs/peer.md lists them
	Hint  string `json:"hint"` // for people: what happened, and what to do
}

// maxFailures is the most failures that a report lists.
const maxFailures = 100

// failures is a list of failures without repetitions.
type failures []Failure

func (f *failures) add(one Failure) {
	if len(*f) < maxFailures && !slices.Contains(*f, one) {
		*f = append(*f, one)
	}
}

// fail ends the call because of f.
func (c *Call) fail(code ExitCode, f Failure) {
	if c.outcome == nil {
		c.failures.add(f)
		c.setOutcome(code, f.Hint)
	}
}

// unreachable returns the failure of a signaling server that could not be reached again.
func unreachable(err error) Failure {
	return Failure{
		StageSignaling, "lost",
		"the connection to the signaling server was lost and could not be restored: " + firstLine(err) +
			"; see whether the server still runs, and whether a proxy in between ends connections",
	}
}

// firstLine returns the first line of an error's text.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
