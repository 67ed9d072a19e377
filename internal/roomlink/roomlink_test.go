package roomlink

import (
	"encoding/json"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
)

// sample is one of testdata/links.json: a text that somebody types or pastes, or the address that a browser opens.
type sample struct {
	Text, Path          string
	Room, Server, Token string
	Fault, Letter       string
}

const host = "https://call.example"

func samples(t *testing.T) []sample {
	t.Helper()
	text, err := os.ReadFile("testdata/links.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 200 {
		t.Fatalf("only %d samples", len(all))
	}
	return all
}

func TestSamples(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		text, server := s.Text, s.Server
		if s.Path != "" {
			text, server = host+s.Path, host
			if strings.HasPrefix(s.Path, "/call/") {
				server += "/call"
			}
		}
		link, err := Parse(text)
		if want := faultText(s); want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+q: %+v, error %v; want one that says %q", text, link, err, want)
			}
			continue
		}
		if want := (Link{server, s.Room, s.Token}); err != nil || link != want {
			t.Errorf("%+q: %+v, error %v; want %+v", text, link, err, want)
		}
	}
}

// faultText is a part of the error that a sample must give; "" = none.
func faultText(s sample) string {
	switch {
	case s.Fault == "letter" && s.Letter == ".":
		return "no link can lead"
	case s.Fault == "letter":
		return strconv.QuoteRuneToASCII([]rune(s.Letter)[0])
	}
	return map[string]string{"empty": "no name", "long": "longer than", "encoding": "'%'", "path": "/r/ROOM"}[s.Fault]
}

// A room survives the way into its link and, with whatever sticks to it there, back.
func TestAddress(t *testing.T) {
	t.Parallel()
	for _, base := range []string{host, host + "/", host + "/call/", host + "/a%20b"} {
		server, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range []string{"lamp", "x.", "x..", "...", ".x", "a.b", "_x-", "静静的河", "é"} {
			for _, end := range []string{"", ".", "...", ")", "/", "\u200b", "。明天", ", and so on"} {
				link := Address(server, room, "").String() + end
				if got, err := Parse(link); err != nil || got.Room != room || got.Server != strings.TrimSuffix(base, "/") {
					t.Errorf("%s: %+v, %v", link, got, err)
				}
			}
		}
	}
	server := &url.URL{Scheme: "https", Host: "call.example"}
	if got := Address(server, "x.", "a.b-c").String(); got != host+"/r/x%2E#token=a.b-c" {
		t.Errorf("with a token: %s", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Join me: https://call.example/r/quiet-river-lamp. See you")
	f.Add("x%2E%")
	f.Fuzz(func(t *testing.T, text string) {
		link, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(Address(&url.URL{Scheme: "https", Host: "call.example"}, link.Room, "").String())
		if err != nil || again.Room != link.Room {
			t.Errorf("%q gives the room %q, whose link gives %q, %v", text, link.Room, again.Room, err)
		}
	})
}
