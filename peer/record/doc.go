// Package record records what a peer receives in a call, into files that any player reads.
//
//	recorder, err := record.New(record.Config{Dir: "recordings"})
//	...
//	report, err := peer.Run(ctx, peer.Config{Server: server, Room: room, Record: recorder})
//	err = recorder.Close()
//
// A [Recorder] takes frames without blocking, and one goroutine writes them (recorder.go).
// Frames that arrive out of order are put into order, for which they wait for a moment; then
// each of them is written at once, so that the files of a program that is killed can be
// played up to their last second. The times in the files are those of RTP (clock.go); what
// was lost stays a gap.
//
// The files are a WebM with video and audio (webm_output.go), a file for each track
// (track_output.go), or the RTP packets as they arrived (dump_output.go).
package record
