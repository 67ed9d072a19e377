//go:build !linux

package datapath

// streamSink is the packetSink of a goroutine that reads from a stream.
type streamOutlet struct{ direct }

func newStreamOutlet(p *Path) streamOutlet { return streamOutlet{direct{path: p}} }

func (o *streamOutlet) begin() {}
func (o *streamOutlet) flush() {}
