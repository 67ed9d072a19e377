package load

import (
	_ "embed" // for the schema
	"slices"
)

//go:embed report.schema.json
var reportSchema []byte

// JSONSchema returns the JSON Schema of a Report.
func JSONSchema() []byte { return slices.Clone(reportSchema) }
