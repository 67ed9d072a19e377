package peer

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled returns the schema, ready to validate.
func compiled(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		tb.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.schema.json", document); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("report.schema.json")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// CheckSchema checks that a report is what the schema says.
func CheckSchema(tb testing.TB, r *Report) {
	tb.Helper()
	text, err := r.MarshalIndent()
	if err != nil {
		tb.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	if err := compiled(tb).Validate(value); err != nil {
		tb.Errorf("the report does not fit the schema: %v\n%s", err, text)
	}
}

func TestReportsFitTheSchema(t *testing.T) {
	t.Parallel()
	empty := newReport(&Config{})
	empty.setResult(&Config{}, NotConnected, "")
	CheckSchema(t, empty)
	full := newReport(&Config{Name: "Ann", Room: "r", RunID: "1", Scenario: "s", Version: "v"})
	fillAll(reflect.ValueOf(full).Elem())
	full.Schema, full.Result, *full.Peer.Role, full.Path.Type = Schema, Fail, Caller, Relayed
	full.Path.Moves[0].From.Type, full.Path.Moves[0].To.Type, full.Media[0].LatencyMS.Clock = Direct, Relayed, SyncedClock
	CheckSchema(t, full)
	full.Path.Type = "other"
	text, err := full.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil || compiled(t).Validate(value) == nil {
		t.Errorf("the schema takes a wrong report (%v)", err)
	}
}

// fillAll sets everything that can be null, and gives each list an element.
func fillAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillAll(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillAll(v.Index(0))
	default: // it cannot be null
	}
}

// schemaNode is the part of a JSON Schema that the report's has.
type schemaNode struct {
	Ref        string                 `json:"$ref"`
	Type       json.RawMessage        `json:"type"`
	AnyOf      []*schemaNode          `json:"anyOf"`
	Properties map[string]*schemaNode `json:"properties"`
	Required   []string               `json:"required"`
	Items      *schemaNode            `json:"items"`
	Const      any                    `json:"const"`
	Defs       map[string]*schemaNode `json:"$defs"`
}

// walk calls leaf with the path and the type of each value in the schema that is no object
// and no list.
func (n *schemaNode) walk(tb testing.TB, defs map[string]*schemaNode, path string, leaf func(path, kind string)) {
	tb.Helper()
	if n.Ref != "" {
		defs[strings.TrimPrefix(n.Ref, "#/$defs/")].walk(tb, defs, path, leaf)
		return
	}
	for _, one := range n.AnyOf {
		one.walk(tb, defs, path, leaf)
	}
	if len(n.Properties) > 0 {
		if got := slices.Sorted(maps.Keys(n.Properties)); !slices.Equal(got, slices.Sorted(slices.Values(n.Required))) {
			tb.Errorf("%s: %v are required, of %v", path, n.Required, got)
		}
	}
	join := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	for name, one := range n.Properties {
		one.walk(tb, defs, join(name), leaf)
	}
	if n.Items != nil {
		n.Items.walk(tb, defs, join("0"), leaf)
		return
	}
	for _, kind := range []string{"integer", "number", "string", "boolean"} {
		if bytes.Contains(n.Type, []byte(`"`+kind+`"`)) {
			leaf(path, kind)
		}
	}
	if n.Const != nil {
		leaf(path, "string")
	}
}

func rootOfSchema(tb testing.TB) *schemaNode {
	tb.Helper()
	var root schemaNode
	if err := json.Unmarshal(JSONSchema(), &root); err != nil {
		tb.Fatal(err)
	}
	return &root
}

// Whoever adds a field to the report adds it to report.schema.json.
func TestSchemaHasEveryField(t *testing.T) {
	t.Parallel()
	root := rootOfSchema(t)
	var inSchema []string
	root.walk(t, root.Defs, "", func(path, _ string) { inSchema = append(inSchema, path) })
	slices.Sort(inSchema)
	inReport := slices.Sorted(slices.Values(leavesOf(reflect.TypeFor[Report](), "")))
	for _, name := range inReport {
		if !slices.Contains(inSchema, name) {
			t.Errorf("report.schema.json lacks %s", name)
		}
	}
	for _, name := range inSchema {
		if !slices.Contains(inReport, name) {
			t.Errorf("report.schema.json has %s, the report does not", name)
		}
	}
}

// Every number of the schema is a name for --expect, of media also by kind and direction.
func TestEveryNumberOfTheSchemaCanBeExpected(t *testing.T) {
	t.Parallel()
	root := rootOfSchema(t)
	numbers := 0
	root.walk(t, root.Defs, "", func(path, kind string) {
		if kind != "integer" && kind != "number" {
			return
		}
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
	})
	if numbers < 200 {
		t.Errorf("only %d numbers were found", numbers)
	}
}
