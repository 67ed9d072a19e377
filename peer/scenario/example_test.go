package scenario_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"callbox/peer/scenario"
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
	server := startServer()
	defer stopServer(server)
	s, err := scenario.Parse("call.yaml", []byte(`
scenario: two peers see each other
peers:
  ann: {expect: "intact=100%"}
  bo: {}
steps:
  - call: [ann, bo]
  - wait: {peer: [ann, bo], frames: 10}
  - hang_up: ann
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := s.Run(context.Background(), scenario.Options{Server: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Result)
	// Output: pass
}

func ExampleParse() {
	_, err := scenario.Parse("call.yaml", []byte(`
scenario: a mistake in typing
peers:
  ann: {}
steps:
  - jion: ann
`))
	fmt.Println(err)
	// Output: call.yaml:6:5: "jion": there is no such step; did you mean "join"?
}
