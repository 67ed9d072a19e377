package scenario_test

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"callbox/internal/schematest"
	"callbox/peer"
	"callbox/peer/scenario"
)

// fullReport returns a report in which nothing is null.
func fullReport(calls []*peer.Report) *scenario.Report {
	var full scenario.Report
	schematest.Fill(&full)
	full.Schema, full.Result, full.Calls = scenario.Schema, peer.Pass, calls
	return &full
}

// JSONSchema and the file, which refers to another one, take and refuse the same reports.
func TestReportsFitTheSchema(t *testing.T) {
	t.Parallel()
	file, err := jsonschema.NewCompiler().Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		report *scenario.Report
		want   bool
	}{
		{"nothing known", &scenario.Report{Schema: scenario.Schema, Result: peer.Error, Steps: []scenario.StepResult{{}}, Calls: []*peer.Report{}}, true},
		{"all known", fullReport([]*peer.Report{}), true},
		{"null as the calls", fullReport(nil), false},
		{"a wrong call", fullReport([]*peer.Report{{Schema: peer.Schema}}), false},
	} {
		text, err := tc.report.MarshalIndent()
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schematest.Validate(scenario.JSONSchema(), text); (err == nil) != tc.want {
			t.Errorf("%s, JSONSchema: %v", tc.name, err)
		}
		if err := file.Validate(value); (err == nil) != tc.want {
			t.Errorf("%s, report.schema.json: %v", tc.name, err)
		}
	}
}

// Whoever adds a field to the report adds it to report.schema.json.
func TestSchemaHasEveryField(t *testing.T) {
	t.Parallel()
	schematest.CheckFields(t, scenario.JSONSchema(), peer.ExpectationNamesOf(&scenario.Report{}))
}
