package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

func TestParseEnvironment(t *testing.T) {
	t.Parallel()
	env := envOf(map[string]string{
		"CALLBOX_HTTP": "", "CALLBOX_TURN_UDP": ":1,:2", "CALLBOX_ROOM_CAPACITY": "5", "CALLBOX_PING": "3s", "CALLBOX_LOG_LEVEL": "debug",
		"CALLBOX_REALM": "env", "CALLBOX_TURN_SECRET": "with,comma", "CALLBOX_GRACE": "1m", "CALLBOX_VERSION": "true", "CALLBOX_HELP": "true", "HTTPS": ":1",
	})
	var out strings.Builder
	line := parse([]string{"--realm", "flag"}, env, streams{stdout: &out, stderr: &out})
	if err := line.faults.err(); err != nil || line.done || out.String() != "" {
		t.Fatalf("parse: %v, %q", err, out.String())
	}
	c := line.cli.Serve
	for _, check := range []struct {
		name string
		ok   bool
	}{
		{"an empty variable switches off", c.HTTP == ""},
		{"lists", slices.Equal(c.TurnUDP, []string{":1", ":2"})},
		{"numbers", c.RoomCapacity == 5},
		{"durations", c.Ping == 3*time.Second && c.Grace == time.Minute},
		{"flags of all commands", line.cli.Log.LogLevel == "debug"},
		{"a flag wins over the environment", c.Realm == "flag"},
		{"a secret is one", slices.Equal(c.TurnSecret, []string{"with,comma"})},
		{"others stay stored", slices.Equal(c.SessionSecret, []string{stored}) && c.JoinSecret == nil},
		{"variables without the prefix do not count", c.HTTPS == ":8443"},
		{"other defaults stay", slices.Equal(c.TurnTCP, []string{":3478"}) && slices.Equal(c.TurnTLS, []string{":5349"}) && c.Admin == "127.0.0.1:9090" && c.LimitFrames == 100},
	} {
		if !check.ok {
			t.Errorf("%s: not so in %+v, %+v", check.name, c, line.cli.Log)
		}
	}
}

func TestParseEnvironmentFault(t *testing.T) {
	t.Parallel()
	line := parse([]string{"serve"}, envOf(map[string]string{"CALLBOX_PING": "soon"}), streams{})
	if err := line.faults.err(); err == nil || !strings.HasPrefix(err.Error(), `--ping: "soon" is not a duration`) {
		t.Errorf("parse: %v", err)
	}
}

func TestParseListeners(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{nil, []string{":3478"}},
		{[]string{"--turn-udp=:1"}, []string{":1"}},
		{[]string{"--turn-udp=:1", "--turn-udp", ":2,:3"}, []string{":1", ":2", ":3"}},
		{[]string{"--turn-udp="}, []string{}},
		{[]string{"--turn-udp", ""}, []string{}},
		{[]string{"--turn-udp=:1", "--turn-udp="}, []string{}},
		{[]string{"--turn-udp=", "--turn-udp=:1"}, []string{":1"}},
	} {
		line := parse(tc.args, noEnv, streams{})
		if err := line.faults.err(); err != nil || !slices.Equal(line.cli.Serve.TurnUDP, tc.want) {
			t.Errorf("%q: %q, %v; want %q", tc.args, line.cli.Serve.TurnUDP, err, tc.want)
		}
	}
}

// TestFlags checks that every flag of every command has a help text, and an environment
// variable of its own.
func TestFlags(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Vars{"version": ""}, kong.NamedMapper("listeners", kong.MapperFunc(addListener)))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		seen := map[string]bool{}
		for _, group := range command.AllFlags(true) { // but those that are hidden
			for _, flag := range group {
				if flag.Help == "" || !strings.HasSuffix(flag.Help, ".") {
					t.Errorf("%s --%s: help %q is no sentence", command.Name, flag.Name, flag.Help)
				}
				if name := envName(flag); name != "" && seen[name] {
					t.Errorf("%s --%s: variable %s is another flag's", command.Name, flag.Name, name)
				} else {
					seen[name] = true
				}
			}
		}
	}
}

// TestFlagsAreDocumented checks that the manuals list every flag of callbox serve and
// callbox turn with its default.
func TestFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&cli{}, kong.Vars{"version": ""}, kong.NamedMapper("listeners", kong.MapperFunc(addListener)))
	if err != nil {
		t.Fatal(err)
	}
	manuals := map[string]string{"serve": document(t, "docs", "operating.md")}
	manuals["turn"] = manuals["serve"] + document(t, "docs", "turn.md")
	for _, command := range parser.Model.Children {
		manual, ok := manuals[command.Name]
		if !ok {
			continue
		}
		for _, group := range command.AllFlags(true) { // but those that are hidden
			for _, flag := range group {
				if envName(flag) == "" {
					continue // help and version
				}
				row := ""
				for line := range strings.Lines(manual) {
					if strings.HasPrefix(line, "| `--") && strings.Contains(line, "`--"+flag.Name+"`") {
						row = line
					}
				}
				if row == "" {
					t.Errorf("the manual of callbox %s has no row for --%s", command.Name, flag.Name)
				} else if flag.Default != "" && !strings.Contains(row, "`"+flag.Default+"`") {
					t.Errorf("the manual of callbox %s does not say that --%s is %s: %s", command.Name, flag.Name, flag.Default, row)
				}
			}
		}
	}
}
