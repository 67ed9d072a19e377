package peer

import (
	"os"
	"strconv"
	"strings"
)

// residentBytes returns the resident memory of this process (proc(5), statm); false =
// unknown.
func residentBytes() (int64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
