package wish_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"testing"
	"time"

	"callbox/e2e/need"
	"callbox/peer"
	"callbox/peer/pattern"
	"callbox/peer/whep"
	"callbox/peer/whip"
)

const python = "/usr/bin/python3"

// mediaServer is a process whose output is lines of JSON.
type mediaServer struct {
	t      *testing.T
	output *bufio.Reader
	url    string
}

func startServer(t *testing.T) *mediaServer {
	t.Helper()
	if exec.CommandContext(t.Context(), python, "-c", "import aiortc").Run() != nil {
		need.Missing(t, "aiortc (make deps installs it)")
	}
	command := exec.CommandContext(t.Context(), python, "testdata/aiortc_server.py")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close() // ends it
		_, _ = io.Copy(io.Discard, output)
		if err := command.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	s := &mediaServer{t: t, output: bufio.NewReader(output)}
	var listening struct{ Port int }
	s.hear(&listening)
	s.url = fmt.Sprintf("http://127.0.0.1:%d", listening.Port)
	return s
}

// hear reads a line of the server into v.
func (s *mediaServer) hear(v any) {
	s.t.Helper()
	line, err := s.output.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, v)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// call makes a call of some seconds.
func (s *mediaServer) call(signaler peer.Signaler, err error) *peer.Report {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	video, err := peer.Pattern(pattern.Size{Width: 256, Height: 128}, 20)
	if err != nil {
		s.t.Fatal(err)
	}
	report, err := peer.Run(s.t.Context(), peer.Config{
		Server: s.url, Signaler: signaler, Video: video, Audio: peer.Tone(), Duration: 3 * time.Second, ConnectTimeout: 30 * time.Second,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

// A server of another maker gets what is published, and what it sends is played.
func TestForeignMediaServer(t *testing.T) {
	s := startServer(t)
	sent := s.call(whip.New(whip.Config{URL: s.url + "/whip"}))
	var received struct{ Audio, Video int }
	s.hear(&received)
	if sent.ExitCode != peer.Good || received.Audio < 30 || received.Video < 10 {
		t.Errorf("%d, %s; received: %+v", sent.ExitCode, sent.Reason, received)
	}

	played := s.call(whep.New(whep.Config{URL: s.url + "/whep"}))
	s.hear(&received)
	video, audio := played.Received("video"), played.Received("audio")
	if played.ExitCode != peer.Good || video == nil || *video.KeyFramesDecoded == 0 || *video.Frames.Received < 10 || *audio.Packets < 30 {
		t.Errorf("%d, %s; %+v, %+v", played.ExitCode, played.Reason, video, audio)
	}
}
