package peer

import (
	"reflect"
	"strings"
	"testing"

	"callbox/internal/schematest"
)

// CheckSchema checks that a report is what the schema says.
func CheckSchema(tb testing.TB, r *Report) {
	tb.Helper()
	schematest.Check(tb, JSONSchema(), r)
}

func TestReportsFitTheSchema(t *testing.T) {
	t.Parallel()
	empty := newReport(&Config{})
	empty.setResult(&Config{}, NotConnected, "")
	CheckSchema(t, empty)
	full := newReport(&Config{Name: "Ann", Room: "r", RunID: "1", Scenario: "s", Version: "v"})
	schematest.Fill(full)
	full.Schema, full.Result, *full.Peer.Role, full.Path.Type = Schema, Fail, Caller, Relayed
	full.Path.Moves[0].From.Type, full.Path.Moves[0].To.Type, full.Media[0].LatencyMS.Clock = Direct, Relayed, SyncedClock
	CheckSchema(t, full)
	full.Path.Type = "other"
	text, err := full.MarshalIndent()
	if err != nil || schematest.Validate(JSONSchema(), text) == nil {
		t.Errorf("the schema takes a wrong report (%v)", err)
	}
}

// Whoever adds a field to the report adds it to report.schema.json.
func TestSchemaHasEveryField(t *testing.T) {
	t.Parallel()
	schematest.CheckFields(t, JSONSchema(), leavesOf(reflect.TypeFor[Report](), ""))
}

// Every number of the schema is a name for --expect, of media also by kind and direction.
func TestEveryNumberOfTheSchemaCanBeExpected(t *testing.T) {
	t.Parallel()
	numbers := 0
	for _, path := range schematest.Numbers(t, JSONSchema()) {
		names := []string{path}
		if rest, ok := strings.CutPrefix(path, "media.0."); ok {
			for _, prefix := range []string{"video.recv.", "video.send.", "audio.recv.", "audio.send."} {
				names = append(names, prefix+rest)
			}
		}
		for _, name := range names {
			numbers++
			if all, err := ParseExpectations(name + ">=0"); err != nil || all[0].subject.unit == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if numbers < 200 {
		t.Errorf("only %d numbers were found", numbers)
	}
}
