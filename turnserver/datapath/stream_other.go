//go:build !linux

package datapath

// streamOutlet is the outlet of a goroutine that reads from a stream.
type streamOutlet struct{ direct }

func newStreamOutlet(p *Path) streamOutlet { return streamOutlet{direct{path: p}} }

func (o *streamOutlet) begin() {}
func (o *streamOutlet) flush() {}
