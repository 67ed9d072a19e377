// Package peertest makes tests of calls short: a server, two peers that are in a call,
// NATs between them, and a check for goroutines that are left.
//
//	func TestCall(t *testing.T) {
//		peertest.NoLeaks(t)
//		ann, bo := peertest.NAT(t, peertest.Symmetric, peertest.PortRestricted).Pair(t)
//		ann.Hangup()
//		for _, report := range []*peer.Report{ann.Wait(), bo.Wait()} {
//			if report.Path.Type != peer.Relayed {
//				t.Errorf("the path is %s", report.Path.Type)
//			}
//		}
//	}
//
// Everything runs in the process of the test: the signaling server and the TURN server are
// those of callbox serve, on loopback or in a virtual network.
package peertest
