// Package conformance holds a signaling server to version 1 of the protocol,
// as PROTOCOL.md in the directory above tells it. The package is nothing but
// its tests:
//
//	go test ./signaling/conformance -url wss://host/ws
//
// judges any server; without -url it is callbox's own one, run on loopback.
// The suite opens about two hundred connections and joins rooms with names of
// its own. It shares no code with the server or with package client: it speaks
// WebSocket and JSON with means of its own, and holds every frame that it
// receives to the JSON Schema. The flags:
//
//	-url       ws://, wss://, http:// or https://, with the path of the WebSocket or without
//	-insecure  takes any TLS certificate
//	-token     the join token to show; it must be good for every room (room "*")
//	-room-prefix  what the names of the suite's rooms begin with
//	-patience  how long to wait for what should happen soon
//
// A test that this server's settings make impossible, such as waiting for the
// end of a grace of an hour, is skipped and says so.
package conformance
