package main

import "time"

// serveCommand holds the flags of callbox serve as given; parseConfig evaluates them.
type serveCommand struct {
	HTTP  string `name:"http" default:"127.0.0.1:8080" group:"Listeners (empty = off, port 0 = any free port):" help:"Plain HTTP, for this machine or for a reverse proxy."`
	HTTPS string `name:"https" default:":8443" group:"Listeners (empty = off, port 0 = any free port):" help:"HTTPS and WSS (secure WebSocket); TURN over TLS is answered here, too."`

	turnFlags `embed:""`

	StunUDP string `name:"stun-udp" default:":3479" group:"Listeners (empty = off, port 0 = any free port):" help:"STUN alone over UDP, on a second port beside --turn-udp, by which the page /check finds out how a NAT maps."`

	Admin string `default:"127.0.0.1:9090" group:"Listeners (empty = off, port 0 = any free port):" help:"Metrics at /metrics, health checks at /healthz and /readyz, live relays at /relays, rooms at /rooms, profiles at /debug/pprof."`

	BasePath   string   `default:"/" placeholder:"PATH" group:"Web:" help:"Serve everything below this path, such as /call/, behind a reverse proxy that also serves other applications. The proxy may pass the path on or strip it."`
	Host       []string `placeholder:"NAME" group:"Web:" help:"Host name that listeners on loopback accept besides localhost and IP addresses, such as the one that a reverse proxy on this machine passes on; repeatable."`
	HSTS       string   `name:"hsts" default:"on" placeholder:"on|off" group:"Web:" help:"on: tell browsers to use only HTTPS for 30 days, if this machine trusts the certificate; off: tell browsers to forget that."`
	AllowEmbed []string `placeholder:"ORIGIN" group:"Web:" help:"Web origin that may show calls in a frame of its pages, at /embed/ROOM, such as https://example.org; repeatable. Default: none, and no such path."`

	RoomCapacity     int           `default:"2" group:"Signaling:" help:"Maximum peers in a room; 0 = no limit."`
	EchoRoom         string        `default:"echo" group:"Signaling:" help:"Room in which everybody meets a bot that sends back what it gets, to test camera, microphone and relays alone; empty = off."`
	Grace            time.Duration `default:"30s" group:"Signaling:" help:"How long to hold the seat of a peer whose connection broke, so that it can come back; 0 = not at all."`
	Ping             time.Duration `default:"15s" group:"Signaling:" help:"Interval between WebSocket pings; a connection that is silent for two intervals is closed; 0 = off."`
	LimitFrames      int           `default:"100" group:"Signaling:" help:"Maximum frames per second from each connection; 0 = no limit."`
	LimitJoins       int           `default:"20" group:"Signaling:" help:"Maximum joins per second from each client address; 0 = no limit."`
	LimitConnections int           `default:"200" group:"Signaling:" help:"Maximum signaling connections from each client address, as many seats, and twice as many TCP connections; 0 = no limit."`
	TrustedProxy     []string      `placeholder:"CIDR" group:"Signaling:" help:"Network of reverse proxies whose X-Forwarded-For header is trusted: a CIDR, an IP address, the word private, or @FILE with one of these per line; repeatable."`
	JoinSecret       []string      `sep:"none" placeholder:"SECRET" group:"Signaling:" help:"Require a token signed with this secret to join a room (see callbox token): a secret of at least 32 bytes, @FILE with one secret per line, or the word stored for one that is generated at the first start and kept in --data; repeatable. Default: anyone may join."`
	SessionSecret    []string      `sep:"none" default:"stored" group:"Signaling:" help:"Secret that signs the resume tokens with which peers reclaim their seats, also after a restart. Accepts the same values as --join-secret; repeatable, the first secret signs."`
	AllowOrigin      []string      `placeholder:"ORIGIN" group:"Signaling:" help:"Web origin whose pages may connect, in addition to the server's own, such as https://example.org; repeatable."`
}
