// Package whep plays a stream of a WHEP endpoint (draft-ietf-wish-whep), as viewers of a
// media server do.
//
//	signaler, err := whep.New(whep.Config{URL: "https://example.org/whep/stream"})
//	report, err := peer.Run(ctx, peer.Config{Signaler: signaler})
//
// The offer carries all candidates, so the endpoint need not support trickling. ICE servers
// are those that the endpoint names when it is asked (OPTIONS); those that come with the
// answer would be too late. [peer.Call.Restart] works if the endpoint supports it.
package whep

import (
	"crypto/tls"

	"callbox/peer"
	"callbox/peer/internal/wish"
)

// Config says which endpoint to use.
type Config struct {
	URL   string      // of the endpoint, http or https
	Token string      // sent as bearer token (RFC 6750); "" = none; never logged
	TLS   *tls.Config // nil trusts the system's roots
}

// New returns a Signaler for one call. Nothing is sent: Config.Video and Config.Audio are not used. The error says that the URL cannot
// be that of an endpoint.
func New(cfg Config) (peer.Signaler, error) {
	return wish.New(wish.Config(cfg), peer.Seat{ReceiveOnly: true, MediaOnly: true})
}
