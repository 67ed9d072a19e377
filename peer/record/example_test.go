package record_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"callbox/internal/localserver"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/record"
)

func Example() {
	dir, err := os.MkdirTemp("", "callbox-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the system for temporary files
	server := localserver.Start()
	defer server.Close()
	video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	other, err := peer.Join(context.Background(), peer.Config{Server: server.URL, Room: "room", Video: video, Audio: peer.Tone()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer other.Close()

	recorder, err := record.New(record.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := peer.Run(context.Background(), peer.Config{Server: server.URL, Room: "room", Record: recorder, Duration: time.Second})
	fmt.Println(report.Result, err)
	fmt.Println(recorder.Close())
	for _, name := range recorder.Files() {
		fmt.Println(filepath.Ext(name))
	}
	// Output:
	// pass <nil>
	// <nil>
	// .webm
}
