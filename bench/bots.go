package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
)

// botCalls measures calls of two headless peers, at the one that joins second.
func botCalls(ctx context.Context, p *program, e effort) (figures []figure, err error) {
	s, err := p.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var series []time.Duration
	for i := range e.calls {
		took, err := botCall(ctx, s.url, fmt.Sprintf("bots-%d", i))
		if err != nil {
			return nil, err
		}
		series = append(series, took)
	}
	return []figure{times("bot-bot: join to first frame decoded", series, 150*time.Millisecond)}, nil
}

// botCall returns the time from the second peer's join to its first frame.
func botCall(ctx context.Context, url, room string) (time.Duration, error) {
	var calls [2]*peer.Call
	framed := make(chan struct{}, len(calls))
	for i := range calls {
		video, err := peer.Pattern(pattern.Size{Width: 320, Height: 240}, 15)
		if err != nil {
			return 0, err
		}
		calls[i], err = peer.Join(ctx, peer.Config{
			Server: url, Room: room, Video: video, Audio: peer.Tone(), Duration: time.Minute,
			Observe: func(event peer.Event) {
				if event.Kind == peer.EventFirstFrame {
					framed <- struct{}{}
				}
			},
		})
		if err != nil {
			return 0, err
		}
	}
	for range calls {
		select {
		case <-framed:
		case <-calls[0].Done():
		case <-calls[1].Done():
		}
	}
	calls[1].Hangup()
	newcomer := calls[1].Wait().TimelineMS
	calls[0].Wait()
	if newcomer.FirstFrame == nil || newcomer.WSOpen == nil {
		return 0, fmt.Errorf("no frame arrived in room %s", room)
	}
	return time.Duration(*newcomer.FirstFrame-*newcomer.WSOpen) * time.Millisecond, nil
}
