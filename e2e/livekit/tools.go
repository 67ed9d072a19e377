//go:build tools

// Package livekit names the server that TestLiveKit builds. It is a module of its own, so that
// callbox does not depend on what LiveKit needs.
package livekit

import _ "github.com/livekit/livekit-server/cmd/server" // go.mod states its version
