package main

import "time"

// serveCommand holds the flags of callbox serve as they are given; parseConfig
// makes sense of them.
type serveCommand struct {
	HTTP    string   `name:"http" default:"127.0.0.1:8080" group:"Listeners (empty = off, port 0 = any free one):" help:"Plain HTTP, for this machine or for a proxy in front."`
	HTTPS   string   `name:"https" default:":8443" group:"Listeners (empty = off, port 0 = any free one):" help:"HTTPS and WSS."`
	TurnUDP []string `name:"turn-udp" type:"listeners" default:":3478" group:"Listeners (empty = off, port 0 = any free one):" help:"STUN and TURN over UDP; repeatable."`
	TurnTCP []string `name:"turn-tcp" type:"listeners" default:":3478" group:"Listeners (empty = off, port 0 = any free one):" help:"STUN and TURN over TCP; repeatable."`
	TurnTLS string   `name:"turn-tls" default:":5349" group:"Listeners (empty = off, port 0 = any free one):" help:"TURN over TLS."`
	Admin   string   `default:"127.0.0.1:9090" group:"Listeners (empty = off, port 0 = any free one):" help:"Metrics at /metrics, health at /healthz and /readyz, live relays at /relays, rooms at /rooms, profiles at /debug/pprof."`

	Data    string `placeholder:"FOLDER" group:"Certificates and data:" help:"Where secrets and the local certificate authority live. Default: the user's data folder, and callbox in it."`
	TLSCert string `name:"tls-cert" placeholder:"FILE" group:"Certificates and data:" help:"Certificate chain in PEM, read again when it changes. Without it a local authority signs one."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" group:"Certificates and data:" help:"Key of --tls-cert in PEM, read again when it changes."`

	PublicIP      []string `name:"public-ip" placeholder:"IP" group:"STUN and TURN:" help:"Address that relays are advertised under, one for each family; repeatable. Default: the machine's own."`
	RelayIP       []string `name:"relay-ip" placeholder:"IP" group:"STUN and TURN:" help:"Address that relay sockets bind to; repeatable. Default: the public or first local address."`
	RelayPorts    string   `default:"49152-65535" group:"STUN and TURN:" help:"UDP ports of the relays."`
	TurnSecret    []string `sep:"none" default:"stored" group:"STUN and TURN:" help:"Shared secret of time-limited credentials: at least 16 bytes, @FILE with one a line, or stored, which is made once and kept in --data; repeatable, the first signs."`
	Realm         string   `default:"callbox" group:"STUN and TURN:" help:"TURN realm."`
	TurnAllowPeer []string `placeholder:"CIDR" group:"STUN and TURN:" help:"Network that relays may reach although the built-in list denies it: CIDR, address, private, or @FILE with one a line; repeatable. Wins over what is denied."`
	TurnDenyPeer  []string `placeholder:"CIDR" group:"STUN and TURN:" help:"Network that relays may not reach, beside the built-in list; as --turn-allow-peer."`

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
