package load_test

import (
	"testing"

	"callbox/internal/schematest"
	"callbox/peer"
	"callbox/peer/load"
)

// checkSchema checks that a report is what the schema says.
func checkSchema(tb testing.TB, r *load.Report) {
	tb.Helper()
	schematest.Check(tb, load.JSONSchema(), r)
}

func TestReportsFitTheSchema(t *testing.T) {
	t.Parallel()
	checkSchema(t, &load.Report{Schema: load.Schema, Result: peer.Error, Failed: []load.Failed{}})
	var full load.Report
	schematest.Fill(&full)
	full.Schema, full.Result = load.Schema, peer.Pass
	checkSchema(t, &full)
	full.Result = "good"
	text, err := full.MarshalIndent()
	if err != nil || schematest.Validate(load.JSONSchema(), text) == nil {
		t.Errorf("the schema takes a wrong report (%v)", err)
	}
}

// Whoever adds a field to the report adds it to report.schema.json.
func TestSchemaHasEveryField(t *testing.T) {
	t.Parallel()
	schematest.CheckFields(t, load.JSONSchema(), peer.ExpectationNamesOf(&load.Report{}))
}

// Every number of the schema is a name for --expect.
func TestEveryNumberOfTheSchemaCanBeExpected(t *testing.T) {
	t.Parallel()
	numbers := schematest.Numbers(t, load.JSONSchema())
	for _, name := range numbers {
		if _, err := peer.ParseExpectationsOf(&load.Report{}, name+">=0"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(numbers) < 50 {
		t.Errorf("only %d numbers were found", len(numbers))
	}
}
