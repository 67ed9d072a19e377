package scenario_test

import (
	"context"
	"fmt"

	"callbox/internal/localserver"
	"callbox/peer/scenario"
)

func Example() {
	server := localserver.Start()
	defer server.Close()
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
