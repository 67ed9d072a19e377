package main

import "time"

// serveCommand holds the flags of callbox serve as they are given; parseConfig
// makes sense of them.
type serveCommand struct {
	HTTP  string `name:"http" default:"127.0.0.1:8080" group:"Listeners (empty = off, port 0 = any free one):" help:"Plain HTTP, for this machine or for a proxy in front."`
	HTTPS string `name:"https" default:":8443" group:"Listeners (empty = off, port 0 = any free one):" help:"HTTPS and WSS."`

	turnFlags `embed:""`

	Admin string `default:"127.0.0.1:9090" group:"Listeners (empty = off, port 0 = any free one):" help:"Metrics at /metrics, health at /healthz and /readyz, live relays at /relays, rooms at /rooms, profiles at /debug/pprof."`

	BasePath string   `default:"/" placeholder:"PATH" group:"Web:" help:"Serve below a path, such as /call/, for a reverse proxy that has other programs beside this one; the proxy may pass the path on or take it off."`
	Host     []string `placeholder:"NAME" group:"Web:" help:"Host name that a listener on loopback answers to, beside localhost and addresses: the one that a reverse proxy on this machine passes on; repeatable."`
	HSTS     string   `name:"hsts" default:"on" placeholder:"on|off" group:"Web:" help:"on: tell browsers to use HTTPS alone for 30 days, where this machine trusts the certificate; off: tell them to forget that."`

	RoomCapacity     int           `default:"2" group:"Signaling:" help:"Peers in a room; 0 = no limit."`
	Grace            time.Duration `default:"30s" group:"Signaling:" help:"How long the seat of a peer whose connection broke is held for it to come back; 0 = not at all."`
	Ping             time.Duration `default:"15s" group:"Signaling:" help:"Time between WebSocket pings; the connection of a peer that is silent for two of them is given up; 0 = off."`
	LimitFrames      int           `default:"100" group:"Signaling:" help:"Frames a second for each connection; 0 = off."`
	LimitJoins       int           `default:"20" group:"Signaling:" help:"Joins a second for each address; 0 = off."`
	LimitConnections int           `default:"200" group:"Signaling:" help:"Connections for each address; 0 = off."`
	TrustedProxy     []string      `placeholder:"CIDR" group:"Signaling:" help:"Network of proxies whose X-Forwarded-For tells the client's address: CIDR, address, private, or @FILE with one a line; repeatable."`
	JoinSecret       []string      `sep:"none" placeholder:"SECRET" group:"Signaling:" help:"Only who shows a token that this secret signed may join, see callbox token: at least 32 bytes, @FILE with one a line, or stored, which is made once and kept in --data; repeatable. Default: everybody may."`
	SessionSecret    []string      `sep:"none" default:"stored" group:"Signaling:" help:"Secret that signs what a peer takes its seat back with, also after a restart: as --join-secret; repeatable, the first signs."`
	AllowOrigin      []string      `placeholder:"ORIGIN" group:"Signaling:" help:"Web origin whose pages may connect, such as https://example.org, beside the server's own; repeatable."`
}
