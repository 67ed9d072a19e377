package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"callbox/signaling"
)

func openTestSecrets(t *testing.T, c *serveCommand, data string) *serveConfig {
	t.Helper()
	var wrong faults
	config := &serveConfig{
		turnConfig: &turnConfig{turnFlags: &c.turnFlags, data: data, secrets: newSecrets("--turn-secret", c.TurnSecret, 1, &wrong)},
		flags:      c,
		session:    newSecrets("--session-secret", c.SessionSecret, 1, &wrong),
		join:       newSecrets("--join-secret", c.JoinSecret, 1, &wrong),
	}
	config.openSecrets(slog.New(slog.DiscardHandler), &wrong)
	if err := wrong.err(); err != nil {
		t.Fatal(err)
	}
	return config
}

// TestStoredSecrets checks that the secrets generated at the first start are private, are
// kept, and take the place that the flag gives them.
func TestStoredSecrets(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	given := strings.Repeat("g", 32)
	c := &serveCommand{turnFlags: turnFlags{TurnUDP: []string{":0"}, TurnSecret: []string{stored}}, SessionSecret: []string{stored, given}, JoinSecret: []string{given, stored}}
	first := openTestSecrets(t, c, data)
	for _, tc := range []struct {
		list *list[[]byte]
		file string
		at   int // place of the stored one
	}{{first.secrets, turnSecretFile, 0}, {first.session, sessionSecretFile, 0}, {first.join, joinSecretFile, 1}} {
		path := filepath.Join(data, tc.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", tc.file, info.Mode(), err)
		}
		if got := string(tc.list.values[tc.at]); got != strings.TrimSpace(string(text)) || len(got) < signaling.MinSecretBytes {
			t.Errorf("%s: the secret is not the one of the file", tc.list.flag)
		}
		if !tc.list.hasFiles() {
			t.Errorf("%s: the stored file is not followed", tc.list.flag)
		}
	}
	if len(first.session.values) != 2 || string(first.session.values[1]) != given || string(first.join.values[0]) != given {
		t.Error("a secret that is given beside the stored one is lost")
	}
	second := openTestSecrets(t, c, data)
	if string(second.session.values[0]) != string(first.session.values[0]) || string(second.join.values[1]) != string(first.join.values[1]) {
		t.Error("the stored secrets of a second start are others")
	}
	if string(first.session.values[0]) == string(first.secrets.values[0]) {
		t.Error("one secret serves for two things")
	}
}

// TestStoredSecretsNotNeeded checks that unneeded secrets are not generated.
func TestStoredSecretsNotNeeded(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	given := []string{strings.Repeat("g", 32)}
	openTestSecrets(t, &serveCommand{turnFlags: turnFlags{TurnSecret: []string{stored}}, SessionSecret: given, JoinSecret: given}, data)
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data folder was made for nothing: %v", err)
	}
	openTestSecrets(t, &serveCommand{turnFlags: turnFlags{TurnSecret: []string{stored}}, SessionSecret: []string{stored}}, data)
	made, err := os.ReadDir(data)
	if err != nil || len(made) != 1 || made[0].Name() != sessionSecretFile {
		t.Errorf("in the data folder: %v, %v; want the session secret alone", made, err)
	}
}

// TestSecretFilesOfEditors reads a list of secrets in the formats of different editors.
func TestSecretFilesOfEditors(t *testing.T) {
	t.Parallel()
	first, second := "0123456789abcdef", `a "b" # c; d' e`+"\u00e4"
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("# two\r\n" + first + "\r\n" + second + "\r\n")) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for name, text := range map[string]string{
		"LF": first + "\n" + second + "\n", "no last line end": first + "\n" + second, "CRLF": first + "\r\n\r\n" + second + "\r\n",
		"CR": first + "\r" + second + "\r", "byte order mark": "\ufeff" + first + "\n" + second, "UTF-16": string(wide),
		"blanks": "  " + first + " \t\n\u00a0" + second + "\u00a0\u200b\n", "DOS": first + "\r\n" + second + "\r\n\x1a",
	} {
		file := filepath.Join(t.TempDir(), "secrets")
		writeFile(t, file, text)
		var wrong faults
		l := newSecrets("--turn-secret", []string{"@" + file}, 16, &wrong)
		if wrong.err() != nil || len(l.values) != 2 || string(l.values[0]) != first || string(l.values[1]) != second {
			t.Errorf("%s: %q, %v", name, l.values, wrong.err())
		}
	}
	for _, text := range []string{`"` + first + `"`, "'" + first + "'", "“" + first + "”", first + "\x00", "\x00" + first} {
		file := filepath.Join(t.TempDir(), "secrets")
		writeFile(t, file, "\n"+text)
		var wrong faults
		newSecrets("--turn-secret", []string{"@" + file}, 16, &wrong)
		if err := wrong.err(); err == nil || strings.Contains(err.Error(), first) {
			t.Errorf("%q: %v, want a fault without the secret", text, err)
		}
	}
}

// TestDataFolderLinks replaces stored secrets by links, whose targets must not be touched.
func TestDataFolderLinks(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]func(target, name string) error{"symbolic": os.Symlink, "hard": os.Link} {
		for _, content := range []string{"x", strings.Repeat("x", 40)} {
			data, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
			if err := os.WriteFile(target, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := link(target, filepath.Join(data, turnSecretFile)); err != nil {
				t.Fatal(err)
			}
			code, _, stderr := runToEnd(t, noEnv, append([]string{"--data", data}, allFree()...)...)
			if code != exitUsage || !strings.Contains(stderr, "--data: TURN secret: ") {
				t.Errorf("%s link: exit code %d: %s", name, code, stderr)
			}
			if info, err := os.Stat(target); err != nil || info.Mode() != 0o644 {
				t.Errorf("%s link: the target's mode is %v, %v", name, info.Mode(), err)
			}
			if text, err := os.ReadFile(target); err != nil || string(text) != content {
				t.Errorf("%s link: the target holds %q, %v", name, text, err)
			}
		}
	}
	for _, file := range []string{turnSecretFile, sessionSecretFile, "cert", "cert/ca.pem", "cert/ca.crt", "cert/leaf.pem"} {
		data, nowhere := t.TempDir(), filepath.Join(t.TempDir(), "nowhere")
		if strings.HasPrefix(file, "cert/") {
			if err := os.Mkdir(filepath.Join(data, "cert"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(nowhere, filepath.Join(data, file)); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := runToEnd(t, noEnv, append([]string{"--data", data}, allFree()...)...)
		if code != exitUsage || !strings.Contains(stderr, filepath.Join(data, file)) {
			t.Errorf("%s leads nowhere: exit code %d: %s", file, code, stderr)
		}
		if _, err := os.Lstat(nowhere); !os.IsNotExist(err) {
			t.Errorf("%s: what it leads to was made", file)
		}
	}
}

// TestOpenDataFolder starts with folders and files that others can read: only the secret
// is made private, and the log reports all of them.
func TestOpenDataFolder(t *testing.T) {
	t.Parallel()
	p := startProcess(t, t.TempDir())
	_ = p.cmd.Process.Kill() // all files are made
	if err := p.end(t); err == nil {
		t.Error("killed, and ended well")
	}
	modes := map[string]os.FileMode{"": 0o755, "cert": 0o750, "cert/ca.pem": 0o640, "turn-secret": 0o644}
	for name, mode := range modes {
		if err := os.Chmod(filepath.Join(p.data, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link") // as DynamicUser of systemd makes one
	if err := os.Symlink(p.data, link); err != nil {
		t.Fatal(err)
	}
	again := startProcess(t, link)
	for name, mode := range modes {
		told := fmt.Sprintf("chmod 700 %s", filepath.Join(link, name))
		switch name {
		case "cert/ca.pem":
			told = "chmod 600 " + filepath.Join(link, name)
		case "turn-secret":
			told, mode = "has been made private", 0o600
		}
		if !strings.Contains(again.stderr.String(), told) {
			t.Errorf("the log does not say %q:\n%s", told, again.stderr)
		}
		if info, err := os.Stat(filepath.Join(p.data, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
}
