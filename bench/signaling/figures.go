package signaling

import "callbox/bench/compare"

// Rows of the table.
const (
	rowRelay        = "messages relayed and acknowledged per CPU second, window 2"
	rowRelay8       = "messages relayed and acknowledged per CPU second, window 8"
	rowMaximum      = "messages relayed and acknowledged per second, window 2"
	rowShare        = "processor that the server got in it, %"
	rowSingle       = "messages relayed per second at most, open loop"
	rowP50          = "latency at half of the open loop's maximum, p50, µs"
	rowP99          = "latency at half of the open loop's maximum, p99, µs"
	rowLag          = "lag of the generator in it, p99, µs"
	rowClosedP50    = "latency at half of the closed loop's maximum, p50, µs"
	rowClosedP99    = "latency at half of the closed loop's maximum, p99, µs"
	rowClosedLag    = "lag of the generator in that, p99, µs"
	rowSameP50      = "latency of all at half of socket.io's open maximum, p50, µs"
	rowSameP99      = "latency of all at half of socket.io's open maximum, p99, µs"
	rowSameLag      = "lag of the generator there, p99, µs"
	rowReading      = "latency beside rooms whose receivers read, p99, µs"
	rowSlow         = "latency beside rooms whose receivers read one byte a second, p99, µs"
	rowSlowRefused  = "messages to the slow that were refused"
	rowSlowMemory   = "resident memory at most with the slow, MiB"
	rowFloodServed  = "flood of %s: messages of others that were relayed, %%"
	rowFloodP99     = "flood of %s: p99 of others, µs"
	rowFloodMemory  = "flood of %s: resident memory at most, MiB"
	rowFloodRefused = "flood of %s: refused"
	rowJoins        = "cycles of connect, join, leave, close per CPU second, 64 at a time"
	rowIdle         = "resident memory of an idle joined connection, KiB"
	rowStorm        = "all joined that arrived at once, s"
	rowStormMemory  = "resident memory at most in it, MiB"
	rowResume       = "all back at once after SIGKILL and a new start, s"
	rowResumed      = "of them under the peer id from before"
)

// figures are the figures of all servers.
type figures struct{ *compare.Figures }

func newFigures() figures { return figures{compare.NewFigures()} }

func (f figures) add(row string, k kind, value float64) { f.Add(row, k.label, value) }
