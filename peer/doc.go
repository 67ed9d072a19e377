// Package peer is a headless peer: it joins a room of a callbox server, makes a
// one-to-one call with the other peer in the room, a browser or another program, and
// reports the result.
//
// It sends video and audio that can be verified (see [Pattern] and [Tone]), and
// verifies what it receives. Between two of these peers, every video frame is
// compared, byte for byte, with what it should be. From a browser, it counts the
// complete frames, decodes the key frames, and measures the audio. Package mediafile has
// sources of files, and package record records what arrives.
//
//	report, err := peer.Run(ctx, peer.Config{Server: "https://example.org", Room: "quiet-river-lamp", Video: video, Audio: peer.Tone()})
//
// [Join] makes the same call in separate steps. The pattern is VP8, and audio is Opus
// or PCMU (G.711 µ-law): all can be sent without cgo, and every browser supports them. Of VP9,
// H.264 and AV1, which files may have, only the frames are counted.
//
// The two ends also talk on data channels, with package ctl: they compute a safety code,
// say when they hang up, negotiate while the signaling server cannot be reached, and send
// each other texts and files ([Call.Say], [Call.SendFile]). docs/call.md describes it. A
// program without these channels can be called all the same.
//
// The peer that was first in the room calls, and the one that comes later answers,
// never the other way round: Pion has no rollback, so offers must not collide. An offer
// that collides all the same is ignored (link.answer). That is why there is no function to
// call and no function to answer, but only [Join], which does what is due.
//
// Package scenario makes several calls, as a file says, and package load many at once.
//
// A call through a server that is not callbox's needs a [Signaler]. Packages whip and whep
// have those for media servers.
//
// # Parts
//
// A [Call] (call.go, conversation.go) is one goroutine with the state of the call: it
// handles what comes from the server (signal.go, signaler.go and signal_server.go), from the
// connection, and from its timers. A link (link.go) is one RTCPeerConnection; a rebuilt
// call has another one. It sends what the sources make (send_track.go,
// send_packets.go), and receives tracks (receive_track.go), which verify their media by
// themselves (receive_video.go, receive_frames.go, receive_audio.go). Texts and files outlive a link (call_messages.go); what a program sends
// waits in the outbox. engine.go and dial.go configure Pion. When the call ends,
// Call.endConnected, Call.handleDeadline or Call.handleCancel decides how, and result.go
// makes the [Report] of it; its exit code is final after Report.setResult.
package peer
