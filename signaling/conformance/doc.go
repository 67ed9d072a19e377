// Package conformance checks whether a signaling server implements version 1 of
// the protocol, as PROTOCOL.md in the directory above describes it. The package
// consists of tests only:
//
//	go test ./signaling/conformance -url wss://host/ws
//
// checks any server; without -url it checks callbox's own, on loopback. The suite
// opens about two hundred connections and joins rooms with names of its own. It
// shares no code with the server or with package client: it has its own WebSocket
// and JSON, and checks every frame that it receives against the JSON Schema. The
// flags:
//
//	-url       ws://, wss://, http:// or https://, with the path of the WebSocket or without
//	-insecure  accept any TLS certificate
//	-token     the join token to show; it must be valid for every room (room "*")
//	-room-prefix  the beginning of the names of the suite's rooms
//	-patience  how long to wait for what should happen soon
//
// A test that the server's settings make impossible, such as waiting for the end
// of a grace time of an hour, is skipped, with a message.
package conformance
