// Package peer is a headless peer: a program that joins a room of a callbox server,
// makes a one-to-one call with whoever is or comes there, be it a browser or another
// program, and reports what it saw.
//
// It sends video and sound that can be checked (see [Pattern] and [Tone]) and
// checks what it receives: between two of these peers every video frame is
// compared, byte for byte, with what it should be; of a browser it counts the complete
// frames, decodes the key frames, and measures the sound.
//
//	report, err := peer.Run(ctx, peer.Config{Server: "https://example.org", Room: "quiet-river-lamp", Video: video, Audio: peer.Tone()})
//
// [Join] gives the same call in pieces. Video is VP8 and sound PCMU (G.711 µ-law):
// both can be made without cgo, and every browser speaks them.
//
// Who is first in a room calls, whoever comes later answers, and never the
// other way round: Pion has no rollback, so a collision of offers must not come about.
package peer
