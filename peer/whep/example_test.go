package whep_test

import (
	"context"
	"fmt"
	"time"

	"callbox/internal/wishtest"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/whep"
)

// A viewer looks at a stream until it has seen 20 frames.
func ExampleNew() {
	server := wishtest.Start()
	var err error
	if server.Source, err = peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20); err != nil {
		fmt.Println(err)
		return
	}
	signaler, err := whep.New(whep.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	viewer, err := peer.Join(ctx, peer.Config{Server: server.URL, Signaler: signaler, Duration: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = viewer.WaitFrames(ctx, 20)
	viewer.Hangup()
	fmt.Println(err, *viewer.Wait().Received("video").Frames.Corrupt, "corrupt frames", server.Close())
	// Output: <nil> 0 corrupt frames <nil>
}
