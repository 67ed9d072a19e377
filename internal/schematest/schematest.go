// Package schematest holds the JSON Schema of a report to the reports and to their Go type,
// in tests.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validate returns an error if a text is not what a schema says.
func Validate(schema, text []byte) error {
	const name = "report.schema.json"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, document); err != nil {
		return err
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// Check checks that a report is what a schema says.
func Check(tb testing.TB, schema []byte, report interface{ MarshalIndent() ([]byte, error) }) {
	tb.Helper()
	text, err := report.MarshalIndent()
	if err != nil {
		tb.Fatal(err)
	}
	if err := Validate(schema, text); err != nil {
		tb.Errorf("the report does not fit the schema: %v\n%s", err, text)
	}
}

// Fill sets everything that can be null in the report that a pointer leads to, and gives
// each list an element.
func Fill(report any) { fill(reflect.ValueOf(report).Elem()) }

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	default: // it cannot be null
	}
}

// CheckFields checks that a schema has the fields of a report, no others, and requires all.
// The fields are paths to values that are no objects and no lists; an element of a list is 0.
func CheckFields(tb testing.TB, schema []byte, fields []string) {
	tb.Helper()
	faults, err := compare(schema, fields)
	if err != nil {
		tb.Fatal(err)
	}
	for _, fault := range faults {
		tb.Error(fault)
	}
}

// compare returns how a schema differs from the fields.
func compare(schema []byte, fields []string) (faults []string, err error) {
	known := make(map[string]bool)
	for _, name := range fields {
		known[name] = false
	}
	leaf := func(path, _ string) {
		if _, ok := known[path]; !ok {
			faults = append(faults, "the schema has "+path+", the report does not")
		}
		known[path] = true
	}
	optional := func(path string) { faults = append(faults, "the schema does not require "+path) }
	if err := walk(schema, leaf, optional); err != nil {
		return nil, err
	}
	for _, name := range fields {
		if !known[name] {
			faults = append(faults, "the schema lacks "+name)
		}
	}
	slices.Sort(faults)
	return faults, nil
}

// Numbers returns the paths of all numbers in a schema, as in CheckFields.
func Numbers(tb testing.TB, schema []byte) (paths []string) {
	tb.Helper()
	leaf := func(path, kind string) {
		if kind == "integer" || kind == "number" {
			paths = append(paths, path)
		}
	}
	if err := walk(schema, leaf, func(string) {}); err != nil {
		tb.Fatal(err)
	}
	return paths
}

// node is the part of a JSON Schema that those of the reports have.
type node struct {
	Ref        string           `json:"$ref"`
	Type       json.RawMessage  `json:"type"`
	AnyOf      []*node          `json:"anyOf"`
	Properties map[string]*node `json:"properties"`
	Required   []string         `json:"required"`
	Items      *node            `json:"items"`
	Const      any              `json:"const"`
	Defs       map[string]*node `json:"$defs"`
}

// walker visits a schema.
type walker struct {
	leaf     func(path, kind string) // is called with each value that is no object and no list
	optional func(path string)       // is called with each property that may be absent
}

func walk(schema []byte, leaf func(path, kind string), optional func(path string)) error {
	var root node
	if err := json.Unmarshal(schema, &root); err != nil {
		return err
	}
	w := walker{leaf, optional}
	return w.visit(&root, nil, "")
}

// visit visits a node. A schema inside another one has definitions of its own.
func (w *walker) visit(n *node, defs map[string]*node, path string) error {
	if n.Defs != nil {
		defs = n.Defs
	}
	if n.Ref != "" {
		target := defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
		if target == nil {
			return fmt.Errorf("%s: there is no %s", path, n.Ref)
		}
		return w.visit(target, defs, path)
	}
	for _, one := range n.AnyOf {
		if err := w.visit(one, defs, path); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		inside := strings.TrimPrefix(path+"."+name, ".")
		if !slices.Contains(n.Required, name) {
			w.optional(inside)
		}
		if err := w.visit(n.Properties[name], defs, inside); err != nil {
			return err
		}
	}
	if n.Items != nil {
		return w.visit(n.Items, defs, strings.TrimPrefix(path+".0", "."))
	}
	for _, kind := range []string{"integer", "number", "string", "boolean"} {
		if bytes.Contains(n.Type, []byte(`"`+kind+`"`)) {
			w.leaf(path, kind)
		}
	}
	if n.Const != nil {
		w.leaf(path, "string")
	}
	return nil
}
