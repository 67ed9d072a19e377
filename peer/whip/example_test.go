package whip_test

import (
	"context"
	"fmt"
	"time"

	"callbox/internal/wishtest"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/whip"
)

// A media server is tested with a second of video and audio.
func ExampleNew() {
	server := wishtest.Start()
	signaler, err := whip.New(whip.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	expect, err := peer.ParseExpectations("path=direct,connect<30s")
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := peer.Run(context.Background(), peer.Config{
		Server: server.URL, Signaler: signaler, Video: video, Audio: peer.Tone(), Duration: time.Second, Expect: expect,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Result, server.Close())
	// Output: pass <nil>
}
