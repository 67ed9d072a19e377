package scenario

import (
	_ "embed" // for the schema
	"strings"

	"callbox/peer"
)

//go:embed report.schema.json
var reportSchema string

// JSONSchema returns the JSON Schema of a Report. It contains the schema of a call's report,
// to which report.schema.json refers as a file, so that it can be used without that file.
func JSONSchema() []byte {
	// A schema with an $id has definitions of its own, so that its references stay as they are.
	call := "{\n  \"$id\": \"urn:callbox:call-report:1\"," + strings.TrimPrefix(strings.TrimSpace(string(peer.JSONSchema())), "{")
	call = strings.ReplaceAll(call, "\n", "\n    ")
	return []byte(strings.Replace(reportSchema, `{"$ref": "../report.schema.json"}`, call, 1))
}
