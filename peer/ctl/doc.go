// Package ctl is what the two ends of a call say to each other on the data channel
// "ctl": its messages, and the exchange of nonces from which both ends compute the
// safety code. docs/call.md describes both. The package does no I/O, so that the
// samples in testdata, which the tests of the call page share, can check all of it.
//
// [Encode] and [Decode] convert messages, and [Exchange] is one end of an exchange.
package ctl
