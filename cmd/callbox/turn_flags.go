package main

// turnFlags holds the flags of the STUN and TURN server as given, for callbox serve
// and callbox turn; parse evaluates them.
type turnFlags struct {
	TurnUDP []string `name:"turn-udp" type:"listeners" default:":3478" group:"Listeners (empty = off, port 0 = any free port):" help:"STUN and TURN over UDP; repeatable."`
	TurnTCP []string `name:"turn-tcp" type:"listeners" default:":3478" group:"Listeners (empty = off, port 0 = any free port):" help:"STUN and TURN over TCP; repeatable."`
	TurnTLS []string `name:"turn-tls" type:"listeners" default:":5349" group:"Listeners (empty = off, port 0 = any free port):" help:"TURN over TLS; repeatable."`

	Data    string `placeholder:"FOLDER" group:"Certificates and data:" help:"Folder for secrets and the local certificate authority (CA). Default: the folder callbox in the user's data folder, such as ~/.local/share/callbox."`
	TLSCert string `name:"tls-cert" placeholder:"FILE" group:"Certificates and data:" help:"Certificate chain in PEM, reloaded when it changes. Default: a certificate signed by a local CA."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" group:"Certificates and data:" help:"Private key of --tls-cert in PEM, reloaded when it changes."`

	PublicIP          []string `name:"public-ip" placeholder:"WHERE" group:"STUN and TURN:" help:"Public address to advertise for relays: an IP address, dns:NAME, stun:HOST or cloud; the last three are queried again every minute; repeatable. Default: the machine's own addresses, without querying anyone."`
	RelayIP           []string `name:"relay-ip" placeholder:"IP" group:"STUN and TURN:" help:"Local address that relay sockets bind to; repeatable. Default: the public address if this machine has it, otherwise its first address."`
	RelayPorts        string   `default:"49152-65535" group:"STUN and TURN:" help:"Range of UDP ports for relays."`
	TurnSecret        []string `sep:"none" default:"stored" group:"STUN and TURN:" help:"Shared secret for time-limited credentials: a secret of at least 16 bytes, @FILE with one secret per line, or the word stored for one that is generated at the first start and kept in --data; repeatable, the first secret signs."`
	TurnUser          []string `sep:"none" placeholder:"NAME:PASSWORD" group:"STUN and TURN:" help:"Fixed user, for applications without a shared secret: NAME:PASSWORD, NAME:0xKEY with the MD5 of name:realm:password, or @FILE with one user per line; repeatable. Call pages never receive these credentials."`
	NoShortCut        bool     `name:"no-short-cut" hidden:"" help:"Send packets between two relays of this server through the kernel, for measurements."`
	NoOffload         bool     `name:"no-offload" hidden:"" help:"Do not let the kernel coalesce and segment datagrams (UDP_GRO, UDP_SEGMENT), for measurements."`
	Realm             string   `default:"callbox" group:"STUN and TURN:" help:"TURN realm."`
	TurnDefaultFamily string   `default:"auto" enum:"auto,ipv4,ipv6,keep" group:"STUN and TURN:" help:"Address family of a relay if the client requests none, as is the case with browsers: auto (IPv4, or IPv6 if there is no IPv4), ipv4, ipv6, or keep (the family of the client's own connection)."`
	TurnAllowPeer     []string `placeholder:"CIDR" group:"STUN and TURN:" help:"Network that relays may reach even if the built-in list or --turn-deny-peer denies it: a CIDR, an IP address, the word private, or @FILE with one of these per line; repeatable."`
	TurnDenyPeer      []string `placeholder:"CIDR" group:"STUN and TURN:" help:"Network that relays may not reach, in addition to the built-in list. Accepts the same values as --turn-allow-peer; repeatable."`

	turnLimits `embed:""`
}

// servesTURN reports whether any listener of the TURN server is on.
func (f *turnFlags) servesTURN() bool {
	return len(f.TurnUDP) > 0 || len(f.TurnTCP) > 0 || len(f.TurnTLS) > 0
}

// needsLocalCertificate reports whether HTTPS or TURN is served over TLS without a
// given certificate.
func (f *turnFlags) needsLocalCertificate(https bool) bool {
	return (https || len(f.TurnTLS) > 0) && f.TLSCert == "" && f.TLSKey == ""
}
