package main

// turnFlags are the flags of the STUN and TURN server as they are given, of
// callbox serve and of callbox turn; parse makes sense of them.
type turnFlags struct {
	TurnUDP []string `name:"turn-udp" type:"listeners" default:":3478" group:"Listeners (empty = off, port 0 = any free one):" help:"STUN and TURN over UDP; repeatable."`
	TurnTCP []string `name:"turn-tcp" type:"listeners" default:":3478" group:"Listeners (empty = off, port 0 = any free one):" help:"STUN and TURN over TCP; repeatable."`
	TurnTLS []string `name:"turn-tls" type:"listeners" default:":5349" group:"Listeners (empty = off, port 0 = any free one):" help:"TURN over TLS; repeatable."`

	Data    string `placeholder:"FOLDER" group:"Certificates and data:" help:"Where secrets and the local certificate authority live. Default: the user's data folder, and callbox in it."`
	TLSCert string `name:"tls-cert" placeholder:"FILE" group:"Certificates and data:" help:"Certificate chain in PEM, read again when it changes. Without it a local authority signs one."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" group:"Certificates and data:" help:"Key of --tls-cert in PEM, read again when it changes."`

	PublicIP          []string `name:"public-ip" placeholder:"WHERE" group:"STUN and TURN:" help:"Address that relays are advertised under: itself, dns:NAME, stun:HOST or cloud, which are asked again from time to time; repeatable. Default: the machine's own, and nobody is asked."`
	RelayIP           []string `name:"relay-ip" placeholder:"IP" group:"STUN and TURN:" help:"Address that relay sockets bind to; repeatable. Default: the public or first local address."`
	RelayPorts        string   `default:"49152-65535" group:"STUN and TURN:" help:"UDP ports of the relays."`
	TurnSecret        []string `sep:"none" default:"stored" group:"STUN and TURN:" help:"Shared secret of time-limited credentials: at least 16 bytes, @FILE with one a line, or stored, which is made once and kept in --data; repeatable, the first signs."`
	TurnUser          []string `sep:"none" placeholder:"NAME:PASSWORD" group:"STUN and TURN:" help:"Fixed user, for applications without a shared secret: NAME:PASSWORD, NAME:0xKEY with the MD5 of name:realm:password, or @FILE with one a line; repeatable. Pages are never given it."`
	NoShortCut        bool     `name:"no-short-cut" hidden:"" help:"Send what goes from relay to relay through the kernel, for measurements."`
	NoOffload         bool     `name:"no-offload" hidden:"" help:"Have the kernel join and split no datagrams, for measurements."`
	Realm             string   `default:"callbox" group:"STUN and TURN:" help:"TURN realm."`
	TurnDefaultFamily string   `default:"auto" enum:"auto,ipv4,ipv6,keep" group:"STUN and TURN:" help:"Address family of relays whose clients name none, as browsers do: auto (IPv4, or IPv6 where there is no other), ipv4, ipv6, or keep (the one that the client comes by)."`
	TurnAllowPeer     []string `placeholder:"CIDR" group:"STUN and TURN:" help:"Network that relays may reach although the built-in list denies it: CIDR, address, private, or @FILE with one a line; repeatable. Wins over what is denied."`
	TurnDenyPeer      []string `placeholder:"CIDR" group:"STUN and TURN:" help:"Network that relays may not reach, beside the built-in list; as --turn-allow-peer."`

	turnLimits `embed:""`
}

// servesTURN reports whether any listener of the server is on.
func (f *turnFlags) servesTURN() bool {
	return len(f.TurnUDP) > 0 || len(f.TurnTCP) > 0 || len(f.TurnTLS) > 0
}

// needsLocalCertificate reports whether something is served over TLS, https or
// this, and no certificate is given.
func (f *turnFlags) needsLocalCertificate(https bool) bool {
	return (https || len(f.TurnTLS) > 0) && f.TLSCert == "" && f.TLSKey == ""
}
