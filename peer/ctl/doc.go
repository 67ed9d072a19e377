// Package ctl is what the two ends of a call say to each other on the data channels
// "ctl" and "file": the messages, the exchange of nonces from which both ends compute the
// safety code, texts, and files. docs/call.md describes all of it. The package does no
// I/O, so that the samples in testdata, which the tests of the call page share, can check
// it.
//
// [Encode] and [Decode] convert messages, and [DecodePiece] those of the channel "file".
// [Exchange] is one end of an exchange, and [Chats], [FileSender] and [FileReceiver] are
// what one end knows of texts and files.
package ctl
