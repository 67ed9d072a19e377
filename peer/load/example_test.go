package load_test

import (
	"context"
	"fmt"
	"time"

	"callbox/internal/localserver"
	"callbox/peer"
	"callbox/peer/load"
)

func ExampleRun() {
	server := localserver.Start()
	defer server.Close()
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
