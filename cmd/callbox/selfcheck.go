package main

import (
	"context"

	"callbox/doctor"
	"callbox/signaling/protocol"
)

// checkSelf makes those checks of callbox doctor that need only this machine: it asks STUN, and sends packets
// through the relays, at addresses of this machine alone. It logs what is wrong. Like checkReach, it is for
// servers with a public address.
func (s *server) checkSelf(ctx context.Context) {
	if s.checks.servers == nil || len(s.config.public.addrs()) == 0 {
		return
	}
	found := doctor.CheckSelf(ctx, doctor.Self{Logger: s.log, Ask: func() ([]protocol.ICEServer, error) {
		username, password, err := s.turn.CheckCredential()
		if err != nil {
			return nil, err
		}
		return s.checks.servers.onThisMachine(username, password), nil
	}})
	if ctx.Err() != nil {
		return
	}
	for _, f := range found {
		s.log.Warn("the self-check has found a fault", "check", f.Check, "code", f.Code, "found", f.What, "reason", f.Why, "remedy", f.Do)
	}
	if len(found) == 0 {
		s.log.Info("the self-check has found that STUN and the relays work on this machine")
	}
}
