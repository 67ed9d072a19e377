package wish

import (
	"reflect"
	"strings"
	"testing"

	"callbox/signaling/protocol"
)

func TestICEServers(t *testing.T) {
	t.Parallel()
	servers := iceServers([]string{
		`<stun:stun.example.net>; rel="ice-server", <https://example.net/a,b;c>; rel=next`,
		`<turn:turn.example.net?transport=udp>; rel="ice-server"; username="a\"b,c;d"; credential="e=f"; credential-type="password"`,
		`turn:no.brackets; rel="ice-server"`,
		`<turns:turn.example.net?transport=tcp>;REL=ice-server`,
		"",
	})
	want := []protocol.ICEServer{
		{URLs: []string{"stun:stun.example.net"}},
		{URLs: []string{"turn:turn.example.net?transport=udp"}, Username: `a"b,c;d`, Credential: "e=f"},
		{URLs: []string{"turns:turn.example.net?transport=tcp"}},
	}
	if !reflect.DeepEqual(servers, want) {
		t.Errorf("%q", servers)
	}
}

const description = "v=0\r\na=group:BUNDLE 0 1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:old\r\na=ice-pwd:oldword\r\na=candidate:1 old\r\na=end-of-candidates\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:old\r\na=ice-pwd:oldword\r\n"

func TestFragments(t *testing.T) {
	t.Parallel()
	f := fragment(&offer{sdp: description, candidates: []string{"candidate:2 new"}})
	want := "a=ice-ufrag:old\r\na=ice-pwd:oldword\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" +
		"a=candidate:2 new\r\na=end-of-candidates\r\n"
	if f != want {
		t.Errorf("fragment: %q", f)
	}
	got := withFragment(description, "a=ice-ufrag:fresh\r\na=ice-pwd:freshword\r\na=candidate:3 there\r\n")
	want = "v=0\r\na=group:BUNDLE 0 1\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:fresh\r\na=ice-pwd:freshword\r\na=candidate:3 there\r\na=end-of-candidates\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:fresh\r\na=ice-pwd:freshword\r\n"
	if got != want {
		t.Errorf("description: %q", got)
	}
}

// Whatever a server sends, no more than the bounds is taken, and nothing panics.
func FuzzAnswers(f *testing.F) {
	f.Add(`<turn:a>; rel="ice-server"; username="u"`, "a=ice-ufrag:x\r\na=candidate:1 y\r\n")
	f.Add(`"`, "a=")
	f.Add(`<>;;="\`, "a=candidate:\n")
	f.Fuzz(func(t *testing.T, link, text string) {
		for _, s := range iceServers([]string{link}) {
			if len(s.URLs) != 1 || !strings.Contains(link, s.URLs[0]) {
				t.Errorf("%q", s)
			}
		}
		result := withFragment(description, text)
		if strings.Count(result, "a=candidate:") > maxCandidates || strings.Count(result, "m=") < 2 || strings.Contains(result, "1 old") {
			t.Errorf("%q", result)
		}
	})
}
