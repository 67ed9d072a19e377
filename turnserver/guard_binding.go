package turnserver

import (
	"net/netip"

	"callbox/turnserver/wire"
)

// answerBinding answers a Binding request (RFC 8489 section 12), which proves
// nothing.
func (e *endpoint) answerBinding(m wire.Message) {
	q := &e.request
	if !e.mayAnswer() {
		return
	}
	answer := wire.AppendBindingSuccess(make([]byte, 0, answerRoom), m, q.client, netip.AddrPort{}, netip.AddrPort{})
	if err := e.conn.WriteTo(answer, q.client, q.at); err != nil {
		e.server.log.Debug("answer to a client", "protocol", string(e.protocol), "err", err)
	}
}
