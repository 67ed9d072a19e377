package datapath

// streamSink is the packetSink of a goroutine that reads from a stream: what comes of one
// read is sent together. The outbox is lent for that time.
type streamSink struct {
	path *Path
	box  *outbox // nil = nothing is collected
}

func newStreamSink(p *Path) streamSink { return streamSink{path: p} }

// begin must be called before each frame.
func (o *streamSink) begin() {
	if o.box != nil && o.box.full() {
		o.box.flush()
	}
}

func (o *streamSink) flush() {
	if o.box != nil {
		o.box.flush()
		o.path.outboxes.Put(o.box)
		o.box = nil
	}
}

func (o *streamSink) open() *outbox {
	if o.box == nil {
		var ok bool
		if o.box, ok = o.path.outboxes.Get().(*outbox); !ok {
			o.box = new(outbox)
			o.box.init(o.path)
		}
	}
	return o.box
}

func (o *streamSink) toPeer(r *Relay, to *destination, body []byte) {
	o.open().toPeer(r, to, body)
}

func (o *streamSink) toClient(c Client, head, body []byte, padding int) {
	o.open().toClient(c, head, body, padding)
}

func (o *streamSink) scratch(n int) []byte { return o.open().scratch(n) }
func (o *streamSink) now() int64           { return o.path.Now() }
