package peertest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"callbox/peer"
	"callbox/peer/peertest"
)

// TestNATTable makes a call between each two kinds of NAT, with a TURN server and without:
// 50 calls. Only two symmetric NATs, or a symmetric and a port-restricted one, need it.
func TestNATTable(t *testing.T) {
	kinds := []peertest.Kind{
		peertest.None, peertest.FullCone, peertest.AddressRestricted, peertest.PortRestricted, peertest.Symmetric,
	}
	for _, ann := range kinds {
		for _, bo := range kinds {
			hard := ann == peertest.Symmetric && bo >= peertest.PortRestricted || bo == peertest.Symmetric && ann >= peertest.PortRestricted
			t.Run(fmt.Sprintf("%s with %s", ann, bo), func(t *testing.T) {
				t.Parallel()
				want := peer.Direct
				if hard {
					want = peer.Relayed
				}
				checkPath(t, peertest.NAT(t, ann, bo), want)
			})
			t.Run(fmt.Sprintf("%s with %s without TURN", ann, bo), func(t *testing.T) {
				t.Parallel()
				site := peertest.NATWithoutTURN(t, ann, bo)
				if hard {
					checkNoWay(t, site)
					return
				}
				checkPath(t, site, peer.Direct)
			})
		}
	}
}

// signalled is how long candidates take to arrive, at most, and long after that.
const signalled = time.Second

// checkPath makes a call and checks its path at both ends. Where there is a direct path,
// the call waits for it, however busy the machine is.
func checkPath(t *testing.T, site *peertest.Site, want peer.PathType) {
	t.Helper()
	ann, bo := site.Pair(t, func(ann, bo *peer.Config) {
		for _, cfg := range []*peer.Config{ann, bo} {
			before := cfg.SettingEngine
			cfg.SettingEngine = func(e *webrtc.SettingEngine) {
				before(e)
				if want == peer.Direct {
					e.SetRelayAcceptanceMinWait(time.Minute)
					// A relayed address counts as peer-reflexive until its candidate has been signalled.
					e.SetPrflxAcceptanceMinWait(signalled)
				}
			}
		}
	})
	ann.Hangup()
	for _, r := range []*peer.Report{ann.Wait(), bo.Wait()} {
		if r.Path == nil || r.Path.Type != want {
			t.Errorf("path %+v, want %s", r.Path, want)
		}
	}
}

// hopeless is how long calls are tried that cannot connect.
const hopeless = 4 * time.Second

// checkNoWay checks that a call does not connect.
func checkNoWay(t *testing.T, site *peertest.Site) {
	t.Helper()
	a, b := site.Configs(t)
	a.ConnectTimeout = hopeless
	ann := peertest.Join(t, a)
	peertest.Join(t, b)
	if r := ann.Wait(); r.ExitCode != peer.NotConnected {
		t.Errorf("ended with %d: %s", r.ExitCode, r.Reason)
	}
}
