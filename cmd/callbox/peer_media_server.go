package main

import (
	"callbox/peer"
	"callbox/peer/whep"
	"callbox/peer/whip"
)

// mediaServerFlags are for calls through a media server instead of a callbox server.
type mediaServerFlags struct {
	WHIP bool `name:"whip" group:"Media server:" help:"URL is a WHIP endpoint (RFC 9725): send video and audio to a media server. There is no room."`
	WHEP bool `name:"whep" group:"Media server:" help:"URL is a WHEP endpoint: play a stream of a media server. There is no room, and nothing is sent."`
}

// isSet reports whether the call goes through a media server.
func (m *mediaServerFlags) isSet() bool { return m.WHIP || m.WHEP }

// apply makes cfg a call through the media server at an address.
func (m *mediaServerFlags) apply(cfg *peer.Config, address string, wrong *faults) {
	if m.WHIP && m.WHEP {
		wrong.addf("--whep", "with --whip: give one of them")
		return
	}
	var err error
	if m.WHIP {
		cfg.Signaler, err = whip.New(whip.Config{URL: address, Token: cfg.Token, TLS: cfg.TLS})
		wrong.add("<url>", err)
	} else {
		cfg.Signaler, err = whep.New(whep.Config{URL: address, Token: cfg.Token, TLS: cfg.TLS})
		wrong.add("<url>", err)
	}
	if err != nil {
		return
	}
	cfg.Server = address
	if cfg.Echo {
		wrong.addf("--echo", "a media server does not send and receive at once")
	}
	if m.WHIP && cfg.Video == nil && cfg.Audio == nil {
		wrong.addf("--whip", "there is nothing to send: --video and --audio are both none")
	}
}
