// Package peer is a headless peer: it joins a room of a callbox server, makes a
// one-to-one call with the other peer in the room, a browser or another program, and
// reports the result.
//
// It sends video and audio that can be verified (see [Pattern] and [Tone]), and
// verifies what it receives. Between two of these peers, every video frame is
// compared, byte for byte, with what it should be. From a browser, it counts the
// complete frames, decodes the key frames, and measures the audio.
//
//	report, err := peer.Run(ctx, peer.Config{Server: "https://example.org", Room: "quiet-river-lamp", Video: video, Audio: peer.Tone()})
//
// [Join] makes the same call in separate steps. Video is VP8 and audio is PCMU
// (G.711 µ-law): both can be encoded without cgo, and every browser supports them.
//
// The peer that was first in the room calls, and the one that comes later answers,
// never the other way round: Pion has no rollback, so offers must not collide.
package peer
