//go:build !unix

package peer

import "time"

// cpuTime returns false: it is unknown.
func cpuTime() (time.Duration, bool) { return 0, false }
