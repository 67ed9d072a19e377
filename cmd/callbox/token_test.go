package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTokenCommand(t *testing.T) {
	t.Parallel()
	tokens, err := newJoinTokens([][]byte{[]byte(joinSecret)}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	file := filepath.Join(data, joinSecretFile)
	if err := os.WriteFile(file, []byte("# the first signs\n"+joinSecret+"\n"+otherJoinSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		room string // that the token opens
		want string // name in it
		link string // before the token; "" = no link
	}{
		{"given", []string{"--room", "quiet", "--join-secret", joinSecret}, "quiet", "", ""},
		{"of a file", []string{"--room", "*", "--name", "Ann", "--join-secret", "@" + file}, "river", "Ann", ""},
		{"stored", []string{"--room", "quiet", "--data", data}, "quiet", "", ""},
		{"as a link", []string{"--room", "quiet", "--data", data, "--url", "https://call.example.org"}, "quiet", "", "https://call.example.org/r/quiet#token="},
		{"a room's link", []string{"--room", "<https://call.example.org/r/quiet>.", "--data", data}, "quiet", "", ""},
		{"as a room's link", []string{"--url", "https://call.example.org/r/quiet.", "--data", data}, "quiet", "", "https://call.example.org/r/quiet#token="},
		{"as a room's link below a path", []string{"--room", "quiet", "--url", "https://call.example.org/call/r/quiet#token=old", "--data", data}, "quiet", "", "https://call.example.org/call/r/quiet#token="},
		{"a room with a dot at its end", []string{"--room", "x%2E", "--data", data, "--url", "https://call.example.org"}, "x.", "", "https://call.example.org/r/x%2E#token="},
		{"as a link below a path", []string{"--room", "河", "--data", data, "--url", "http://127.0.0.1:8080/a/"}, "河", "", "http://127.0.0.1:8080/a/r/%E6%B2%B3#token="},
	} {
		code, stdout, stderr := runToEnd(t, noEnv, append([]string{"token"}, tc.args...)...)
		token, ok := strings.CutPrefix(strings.TrimSuffix(stdout, "\n"), tc.link)
		if code != exitOK || stderr != "" || !ok {
			t.Errorf("%s: exit code %d, %q, %q", tc.name, code, stdout, stderr)
			continue
		}
		if grant, err := tokens.authorize(token, tc.room); err != nil || grant.Name != tc.want {
			t.Errorf("%s: the token gives %q, %v; want %q", tc.name, grant.Name, err, tc.want)
		}
		if _, err := tokens.authorize(token, "another"); (err == nil) != (tc.room == "river") {
			t.Errorf("%s: in another room: %v", tc.name, err)
		}
	}
}

func TestTokenCommandFaults(t *testing.T) {
	t.Parallel()
	data, home := t.TempDir(), t.TempDir()
	env := envOf(map[string]string{"HOME": home, "XDG_DATA_HOME": home, "LocalAppData": home})
	for _, tc := range []struct {
		name string
		env  environment
		args []string
		want []string // a line each
	}{
		{"no room", env, []string{"--join-secret", joinSecret}, []string{"--room: it is missing"}},
		{"everything at once", env, []string{"--room", "a!b", "--name", "a\tb", "--ttl", "0s", "--url", "call.example.org", "--join-secret", "short"}, []string{
			"--room: the room's name has '!' in it", "--name: name has a control character", "--ttl: 0s is not between", `--url: "call.example.org" is neither`, "--join-secret: a secret has 5 bytes, at least 32",
		}},
		{"a link to every room", env, []string{"--room", "*", "--url", "https://a.example", "--join-secret", joinSecret}, []string{"--url: a link leads to one room"}},
		{"a link to a room that is a path", env, []string{"--room", "%2E.", "--url", "https://a.example", "--join-secret", joinSecret}, []string{"--room: no link can lead to"}},
		{"two rooms", env, []string{"--room", "a", "--url", "https://a.example/r/b", "--join-secret", joinSecret}, []string{"--url: the link leads to room b, not to room a"}},
		{"a damaged link", env, []string{"--room", "https://a.example/r/100%", "--join-secret", joinSecret}, []string{"--room: the link has a '%'"}},
		{"too long", env, []string{"--room", "*", "--ttl", "9000h", "--join-secret", joinSecret}, []string{"--ttl: 9000h0m0s is not between 1s and 8784h0m0s"}},
		{"none stored", env, []string{"--room", "a", "--data", data}, []string{"--join-secret: there is none in " + data + "; start"}},
		{"none stored in the usual folder", env, []string{"--room", "a"}, []string{"--join-secret: there is none in " + home}},
		{"nowhere to look", noEnv, []string{"--room", "a"}, []string{"--join-secret: there is no home folder"}},
		{"no file", env, []string{"--room", "a", "--join-secret", "@/nowhere/s"}, []string{"--join-secret: open /nowhere/s"}},
		{"empty file", env, []string{"--room", "a", "--join-secret", "@/dev/null"}, []string{"--join-secret: there is no secret in @/dev/null"}},
	} {
		code, stdout, stderr := runToEnd(t, tc.env, append([]string{"token"}, tc.args...)...)
		if code != exitUsage || stdout != "" {
			t.Errorf("%s: exit code %d, %q; want %d and nothing", tc.name, code, stdout, exitUsage)
		}
		for _, want := range tc.want {
			if !strings.Contains(stderr, "callbox: "+want) {
				t.Errorf("%s: standard error does not say %q:\n%s", tc.name, want, stderr)
			}
		}
		if lines := strings.Count(stderr, "callbox: "); lines != len(tc.want) {
			t.Errorf("%s: %d faults, want %d:\n%s", tc.name, lines, len(tc.want), stderr)
		}
	}
	if made, err := os.ReadDir(data); err != nil || len(made) > 0 {
		t.Errorf("callbox token made %v in the data folder: %v", made, err)
	}
}
