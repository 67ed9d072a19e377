//go:build !linux

package datapath

// streamSink is the packetSink of a goroutine that reads from a stream.
type streamSink struct{ directSink }

func newStreamSink(p *Path) streamSink { return streamSink{directSink{path: p}} }

func (o *streamSink) begin() {}
func (o *streamSink) flush() {}
