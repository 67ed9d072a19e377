// Package impair makes a bad network of a good one: it loses, delays, duplicates and
// reorders what a program sends, and limits its rate, below DTLS, so that connectivity
// checks, handshakes, media, data and what goes to a TURN server suffer alike. It counts
// what it does, so that a test can compare what a receiver noticed with what happened.
//
//	network, err := impair.New(impair.Config{Loss: 0.05, Jitter: 20 * time.Millisecond, Seed: 7}, nil)
//	settingEngine.SetNet(network)
//
// A [Net] is a transport.Net. Its decisions depend on Config.Seed alone: the n-th datagram
// of a stream has the same fate in every run, whatever else is sent meanwhile. A stream is
// the RTP of one source (the header of SRTP is not encrypted, RFC 3711 section 3.1), or
// everything else of one [Kind]; inside of TURN it is the same stream as outside.
//
// What is received is left alone; for both directions, both ends need a Net. Multicast,
// which only mDNS uses, is left alone, too.
//
// # TCP
//
// TCP retransmits what the network loses, and restores its order. So over a connection that
// a Net has dialed nothing is lost, duplicated or reordered: what would be lost arrives
// ResendTime later, and everything behind it waits.
package impair
