package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"callbox/e2e/need"
	"callbox/signaling/client"
	"callbox/signaling/protocol"
)

// foreignEnd is a program that answers calls and does not know docs/call.md. The test does its
// signaling.
type foreignEnd struct {
	t      *testing.T
	input  io.Writer
	output *bufio.Reader
}

// foreignSeen is what such a program has seen of a call.
type foreignSeen struct {
	Channel, Connection string   // states; the channel is its own
	Frames, Heard       int      // of video, and messages on its channel
	Opened              []string // channels that the other end has opened
}

// startForeign starts a program at client b.
func startForeign(t *testing.T, program []string) *foreignEnd {
	t.Helper()
	command := exec.CommandContext(t.Context(), program[0], program[1:]...)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var faults buffer
	command.Stderr = &faults
	if err := sharedLab(t).B.Start(command); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed, or has ended by itself
		if t.Failed() {
			t.Logf("%s: %s", program, tail(faults.String()))
		}
	})
	return &foreignEnd{t: t, input: input, output: bufio.NewReader(output)}
}

func (f *foreignEnd) say(v any) {
	f.t.Helper()
	if err := json.NewEncoder(f.input).Encode(v); err != nil {
		f.t.Fatal(err)
	}
}

// hear reads a line of the program into v.
func (f *foreignEnd) hear(v any) {
	f.t.Helper()
	heard := make(chan error, 1)
	go func() {
		text, err := f.output.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, v)
		}
		heard <- err
	}()
	select {
	case err := <-heard:
		if err != nil {
			f.t.Fatal(err)
		}
	case <-time.After(patience):
		f.t.Fatal("the program says nothing")
	}
}

// answer answers the offer of the peer that is in the room. It returns a function that
// leaves the room.
func (f *foreignEnd) answer(s *server, room string) (leave func()) {
	f.t.Helper()
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		f.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{
		URL: s.url, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Name: "foreign", DialContext: sharedLab(f.t).B.DialContext,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	joined, err := c.Join(ctx, room)
	if err != nil {
		f.t.Fatal(err)
	}
	f.say(protocol.Description{Type: "offer", SDP: hearOffer(ctx, f.t, c)})
	var answer protocol.Description
	f.hear(&answer)
	if _, err := c.Send(ctx, joined.Peers[0].Peer, protocol.CallData{Call: 1, Description: &answer}); err != nil {
		f.t.Fatal(err)
	}
	return func() {
		f.t.Helper()
		if err := c.Leave(f.t.Context()); err != nil {
			f.t.Error(err)
		}
	}
}

// hearOffer returns the offer of the other peer with all its candidates.
func hearOffer(ctx context.Context, t *testing.T, c *client.Client) string {
	t.Helper()
	var sdp, candidates string
	for {
		event, err := c.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		message, ok := event.(protocol.MessageEvent)
		var data protocol.CallData
		if !ok || json.Unmarshal(message.Data, &data) != nil {
			continue
		}
		if data.Description != nil {
			sdp = data.Description.SDP
		}
		if data.Candidate != nil {
			candidates += "a=" + data.Candidate.Candidate + "\r\n"
		}
		if data.EndOfCandidates {
			before, after, _ := strings.Cut(sdp, "a=mid:")
			return before + candidates + "a=end-of-candidates\r\na=mid:" + after
		}
	}
}

// foreignPrograms are the programs, and the commands that fail if the machine lacks what they
// need.
var foreignPrograms = map[string]struct{ check, run []string }{
	"aiortc": {
		[]string{"/usr/bin/python3", "-c", "import aiortc"},
		[]string{"/usr/bin/python3", "testdata/aiortc_end.py"},
	},
	"webrtcbin": {
		[]string{"/usr/bin/python3", "-c", `import gi; gi.require_version("GstWebRTC", "1.0"); from gi.repository import Gst; Gst.init(None); exit(not all(map(Gst.ElementFactory.find, ("webrtcbin", "nicesrc", "vp8enc", "mulawenc"))))`},
		[]string{"/usr/bin/python3", "testdata/webrtcbin_end.py"},
	},
	"wrtc": {
		[]string{"node", "-e", `import("./wrtc/node_modules/@roamhq/wrtc/lib/index.js")`},
		[]string{"node", "wrtc/end.js"},
	},
}

// A call with a program that does not know the data channels works, and nothing happens
// to the channel that it opens itself.
func TestForeignPrograms(t *testing.T) {
	connectClients(t)
	for name, program := range foreignPrograms {
		for _, caller := range []string{"bot", "chromium"} {
			t.Run(name+"-"+caller, func(t *testing.T) {
				if exec.CommandContext(t.Context(), program.check[0], program.check[1:]...).Run() != nil {
					need.Missing(t, name+" (make deps installs it)")
				}
				testForeignProgram(t, name, program.run, caller)
			})
		}
	}
}

func testForeignProgram(t *testing.T, name string, program []string, caller string) {
	t.Helper()
	lab, s := sharedLab(t), sharedServer(t)
	room := name + "-" + caller
	f := startForeign(t, program)
	var b *botProcess
	var tb *tab
	if caller == "bot" {
		b = startBot(t, lab.A, s, room, "direct", time.Minute, "--take-files", "1000")
	} else {
		tb = openAt(t, side{caller, "a"}, s, room, nil)
		tb.join()
	}
	s.awaitPeers(t, 1)
	leave := f.answer(s, room)
	var connected struct{ Connected bool }
	f.hear(&connected)
	if tb != nil {
		tb.awaitScreen("call")
	}
	f.say("enough")
	var seen foreignSeen
	f.hear(&seen)
	if seen.Channel != "open" || seen.Connection != "connected" || seen.Heard != 0 || len(seen.Opened) != 0 {
		t.Errorf("the program has seen %+v", seen)
	}
	leave()
	if tb != nil {
		tb.click("leave")
		tb.checkFaults(s)
	} else if r := b.report(t); r.ExitCode != 0 || r.SafetyCode != nil || r.Data != nil || *r.Received("video").KeyFramesDecoded == 0 {
		t.Errorf("the bot reports %+v", r)
	}
	s.awaitPeers(t, 0)
}
