package schematest

import (
	"slices"
	"strings"
	"testing"
)

const small = `{
  "type": "object", "required": ["a", "list", "inner"],
  "properties": {
    "a": {"type": ["integer", "null"]},
    "list": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/one"}, {"type": "null"}]}},
    "inner": {
      "$id": "urn:inner", "$ref": "#/$defs/one",
      "$defs": {"one": {"type": "object", "required": ["d"], "properties": {"d": {"const": "x"}}}}
    }
  },
  "$defs": {"one": {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}}
}`

func TestCompare(t *testing.T) {
	t.Parallel()
	fields := []string{"a", "list.0.b", "inner.d"}
	for _, tc := range []struct {
		name, from, to string
		fields         []string
		want           []string
	}{
		{"equal", "-", "-", fields, nil},
		{"field that the schema lacks", "-", "-", append(fields, "e"), []string{"the schema lacks e"}},
		{"field that the report lacks", "-", "-", fields[1:], []string{"the schema has a, the report does not"}},
		{"another name", `"b"`, `"c"`, fields, []string{"the schema has list.0.c, the report does not", "the schema lacks list.0.b"}},
		{"not required", `["b"]`, `[]`, fields, []string{"the schema does not require list.0.b"}},
	} {
		got, err := compare([]byte(strings.ReplaceAll(small, tc.from, tc.to)), tc.fields)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
	if _, err := compare([]byte(`{"$ref": "#/$defs/none"}`), nil); err == nil {
		t.Error("a reference leads nowhere")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"a": 1, "list": [{"b": "x"}], "inner": {"d": "x"}}`:    true,
		`{"a": null, "list": [null], "inner": {"d": "x"}}`:       true,
		`{"a": "1", "list": [], "inner": {"d": "x"}}`:            false,
		`{"a": 1, "list": [{"b": 1}], "inner": {"d": "x"}}`:      false,
		`{"a": 1, "list": [], "inner": {"d": "y"}}`:              false,
		`{"list": [], "inner": {"d": "x"}}`:                      false,
		`{"a": 1, "list": [], "inner": {"d": "x"}, "new": true}`: true,
	} {
		if err := Validate([]byte(small), []byte(text)); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
