package peer_test

import (
	"context"
	"testing"

	"callbox/internal/mitm"
	"callbox/peer"
)

// Somebody sits between two bots and passes on whatever they say. If a bot connects with
// him at all, its code is another one than the other's, also if the descriptions have
// the fingerprint that the bot should see, beside the one that it sees.
func TestManInTheMiddle(t *testing.T) {
	t.Parallel()
	for lie, connects := range map[mitm.Lie]bool{
		mitm.None: true, mitm.After: true,
		mitm.Before: false, mitm.Session: false, // Pion believes the first line, and then sees another certificate
	} {
		t.Run(string(lie), func(t *testing.T) {
			t.Parallel()
			first, second := serve(t, nil), serve(t, nil)
			ann, bo := first.bot(t, "Ann"), second.bot(t, "Bo")
			codeOfAnn, codeOfBo := events(&ann, peer.EventSafetyCode), events(&bo, peer.EventSafetyCode)
			a := join(t, ann)
			m, err := mitm.Join(t.Context(), mitm.Config{Impolite: first.url, Polite: second.url, Room: ann.Room, Loopback: true, Lie: lie})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			b := join(t, bo)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			stateOfAnn, stateOfBo, err := m.Run(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if (stateOfAnn == "connected") != connects || (stateOfBo == "connected") != connects {
				t.Errorf("the connections are %s and %s", stateOfAnn, stateOfBo)
			}
			if !connects {
				if len(codeOfAnn)+len(codeOfBo) > 0 {
					t.Error("there is a code without a connection")
				}
				return
			}
			here, there := next(t, "Ann's code", codeOfAnn), next(t, "Bo's code", codeOfBo)
			if here.Code == there.Code || len(here.Code) != 6 || len(there.Code) != 6 {
				t.Errorf("the codes are %q and %q", here.Code, there.Code)
			}
			a.Hangup()
			b.Hangup()
		})
	}
}
