package peer_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"callbox/internal/localserver"
	"callbox/peer"
	"callbox/peer/pattern"
)

// video returns a test picture.
func video() peer.Source {
	source, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		panic(err)
	}
	return source
}

// call starts a call between two peers.
func call(ctx context.Context, server string) (first, second *peer.Call) {
	first, err := peer.Join(ctx, peer.Config{Server: server, Room: "room", Name: "Ann", Video: video(), Audio: peer.Tone()})
	if err != nil {
		panic(err)
	}
	second, err = peer.Join(ctx, peer.Config{Server: server, Room: "room", Name: "Bo", Video: video(), Audio: peer.Tone()})
	if err != nil {
		panic(err)
	}
	return first, second
}

// The other side is a second peer here; usually it is what is tested.
func ExampleRun() {
	server := localserver.Start()
	defer server.Close()
	other, err := peer.Join(context.Background(), peer.Config{Server: server.URL, Room: "room", Video: video()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer other.Close()

	expect, err := peer.ParseExpectations("path=direct,intact=100%")
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := peer.Run(context.Background(), peer.Config{
		Server: server.URL, Room: "room", Video: video(), Audio: peer.Tone(), Duration: time.Second, Expect: expect,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.ExitCode, report.Reason)
	// Output: 0 the call lasted its full duration
}

func ExampleJoin() {
	server := localserver.Start()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	first, err := peer.Join(ctx, peer.Config{Server: server.URL, Room: "room", Name: "Ann", Video: video()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Close()
	second, err := peer.Join(ctx, peer.Config{Server: server.URL, Room: "room", Name: "Bo"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Close()

	err = second.WaitFrames(ctx, 10)
	first.Hangup()
	fmt.Println(err, second.Wait().Reason)
	// Output: <nil> Ann left
}

func ExampleCall_WaitConnected() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	fmt.Println(second.WaitConnected(context.Background()))
	second.Close()

	alone, err := peer.Join(context.Background(), peer.Config{Server: server.URL, Room: "empty", ConnectTimeout: time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alone.Close()
	if ended, ok := errors.AsType[*peer.EndedError](alone.WaitConnected(context.Background())); ok {
		fmt.Println(ended.Code)
	}
	// Output:
	// <nil>
	// 4
}

func ExampleCall_Events() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	for event := range first.Events(context.Background()) {
		switch event.Kind {
		case peer.EventPeerSeen:
			fmt.Println(event.Name, "is here")
		case peer.EventConnected:
			fmt.Println("connected,", event.Path.Type)
			second.Hangup()
		case peer.EventPeerLeft:
			fmt.Println(event.Name, "left")
		default:
		}
	}
	// Output:
	// Bo is here
	// connected, direct
	// Bo left
}

func ExampleCall_Ping() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	if err := first.WaitConnected(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	took, err := first.Ping(context.Background())
	fmt.Println(took > 0, err)
	// Output: true <nil>
}

func ExampleCall_Restart() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	if err := first.WaitConnected(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(first.Restart(context.Background())) // first came first, so it makes the offers
	// Output: <nil>
}

func ExampleCall_Mute() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	fmt.Println(first.Mute(context.Background(), "audio", true))
	fmt.Println(first.Mute(context.Background(), "audio", false))
	// Output:
	// <nil>
	// <nil>
}

func ExampleCall_ReplaceSource() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	fmt.Println(first.ReplaceSource("audio", peer.Silence()))
	fmt.Println(errors.Is(first.ReplaceSource("video", peer.Tone()), peer.ErrCodec))
	// Output:
	// <nil>
	// true
}

func ExampleCall_Report() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	if err := first.WaitFrames(context.Background(), 5); err != nil {
		fmt.Println(err)
		return
	}
	report, err := first.Report(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := first.Stats(context.Background())
	fmt.Println(report.Result, stats.Path.Type, err)
	// Output: pass direct <nil>
}

func ExampleCall_WaitFrames() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(second.WaitFrames(ctx, 20)) // a second of video
	// Output: <nil>
}

func ExampleCall_Hangup() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	if err := second.WaitFrames(context.Background(), 5); err != nil {
		fmt.Println(err)
		return
	}
	first.Hangup()
	fmt.Println(first.Wait().ExitCode, second.Wait().Reason)
	// Output: 0 Ann left
}

func ExampleCall_Stats() {
	server := localserver.Start()
	defer server.Close()
	first, second := call(context.Background(), server.URL)
	defer first.Close()
	defer second.Close()
	if err := first.WaitFrames(context.Background(), 5); err != nil {
		fmt.Println(err)
		return
	}
	stats, err := first.Stats(context.Background())
	fmt.Println(stats.Path.Type, err)
	// Output: direct <nil>
}
