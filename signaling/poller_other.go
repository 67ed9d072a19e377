//go:build !linux

package signaling

// pollers stands for those of Linux: here each connection has a goroutine.
type pollers struct{}

type (
	poller struct{}
)

func (*pollers) init()                {}
func (*pollers) add(*webSocket) bool  { return false }
func (*pollers) close()               {}
func (*poller) leave(*webSocket) bool { return true }
