package load_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"callbox/peer"
	"callbox/peer/load"
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

func ExampleRun() {
	server := startServer()
	defer stopServer(server)
	expect, err := peer.ParseExpectationsOf(&load.Report{}, "pairs.good_pct=100%,frames.intact_pct=100%")
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := load.Run(context.Background(), load.Config{
		Server: server.URL, Pairs: 3, PerSecond: 20, Duration: time.Second, Expect: expect,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Result, report.Pairs.Good)
	// Output: pass 3
}
