package peer

// ExitCode is how a call ended, as the exit status of `callbox peer`.
type ExitCode int

// The exit codes. Of Lost, NoMedia and ExpectationFailed the first that holds is given.
const (
	Good              ExitCode = 0
	ExpectationFailed ExitCode = 1
	Usage             ExitCode = 2
	NotJoined         ExitCode = 3 // the room could not be entered
	NotConnected      ExitCode = 4 // nobody came, or no connection was made
	NoMedia           ExitCode = 5 // connected, and nothing was received
	Lost              ExitCode = 6 // the connection broke during the call
	Interrupted       ExitCode = 130
)

// Result is what a report with this exit code says.
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
