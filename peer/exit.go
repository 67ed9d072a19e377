package peer

// ExitCode says how a call ended. It is the exit code of `callbox peer`.
type ExitCode int

// The exit codes. If several of Lost, NoMedia and ExpectationFailed apply, the first
// of them is used. Call.endConnected decides about a call that was connected,
// Call.handleDeadline about one that was not, and Report.setResult about expectations.
const (
	Good              ExitCode = 0
	ExpectationFailed ExitCode = 1
	Usage             ExitCode = 2
	NotJoined         ExitCode = 3 // the room could not be joined
	NotConnected      ExitCode = 4 // nobody came, or no connection was established
	NoMedia           ExitCode = 5 // connected, but no media was received
	Lost              ExitCode = 6 // the connection broke during the call
	Interrupted       ExitCode = 130
)

// Result returns the result in a report with this exit code.
func (c ExitCode) Result() Result {
	switch c {
	case Good:
		return Pass
	case ExpectationFailed:
		return Fail
	default:
		return Error
	}
}
