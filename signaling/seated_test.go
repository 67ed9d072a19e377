package signaling_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callbox/signaling/protocol"
)

// seatings records the calls of Config.Seated.
type seatings struct {
	mu   sync.Mutex
	told []string
}

func (s *seatings) note(peer string, seated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seated {
		s.told = append(s.told, "+"+peer)
	} else {
		s.told = append(s.told, "-"+peer)
	}
}

// want fails the test unless exactly these calls were recorded since the last
// time.
func (s *seatings) want(t *testing.T, what string, told ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.told, told) {
		t.Errorf("%s: told %q, want %q", what, s.told, told)
	}
	s.told = nil
}

func TestSeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told seatings
		config := graceConfig()
		config.Seated = told.note
		server := serveMemory(t, config)

		c, ann := server.seatPeer(t, "Ann")
		bo, boJoined := server.seatPeer(t, "Bo")
		told.want(t, "two joined", "+"+ann.Peer, "+"+boJoined.Peer)
		bo.send(`{"type":"leave","id":1}`)
		expect[protocol.Left](bo)
		told.want(t, "left", "-"+boJoined.Peer)
		_ = c.Close()
		timePasses(20 * time.Second)
		_, again := server.joinWith(t, resume(ann, 1))
		if !again.Resumed {
			t.Errorf("joined = %+v", again)
		}
		told.want(t, "away and back")

		c, reloaded := server.joinWith(t, replace(again))
		told.want(t, "reloaded", "-"+ann.Peer, "+"+reloaded.Peer)
		_ = c.Close()
		timePasses(31 * time.Second)
		told.want(t, "away for too long", "-"+reloaded.Peer)
		c, recovered := server.joinWith(t, resume(reloaded, 1))
		if recovered.Peer != reloaded.Peer {
			t.Errorf("joined = %+v, want the id %s", recovered, reloaded.Peer)
		}
		told.want(t, "back too late", "+"+reloaded.Peer)

		_, _ = server.Kick(recovered.Peer, 0)
		c.expectClose(protocol.ClosePolicy)
		told.want(t, "kicked", "-"+recovered.Peer)

		_, last := server.seatPeer(t, "Cy")
		closeServer(t, server.Server)
		told.want(t, "the server went down", "+"+last.Peer)
	})
}
