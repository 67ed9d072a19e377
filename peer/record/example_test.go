package record_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/record"
	"callbox/signaling"
)

// startServer starts a callbox server in this process.
func startServer() *httptest.Server {
	server, err := signaling.New(signaling.Config{Capacity: 2, Limits: signaling.DefaultLimits()})
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(server.WebSocketHandler())
	web.Config.RegisterOnShutdown(func() { _ = server.Close(context.Background()) })
	return web
}

// stopServer ends the server, its connections included.
func stopServer(web *httptest.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = web.Config.Shutdown(ctx)
	web.Close()
}

func Example() {
	dir, err := os.MkdirTemp("", "callbox-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the system for temporary files
	server := startServer()
	defer stopServer(server)
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
