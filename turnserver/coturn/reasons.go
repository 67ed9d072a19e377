package coturn

// unneededKeys returns the keys that have no effect here.
func unneededKeys() []Key {
	unneeded := func(text string, names ...string) Key { return Key{Names: names, Use: Unneeded, Text: text} }
	flags := func(text string, names ...string) Key {
		return Key{Names: names, Use: Unneeded, Text: text, Flag: true}
	}
	return []Key{
		flags("multicast addresses are denied anyway", "no-multicast-peers"),
		flags("loopback addresses are denied anyway, unless they are allowed", "no-loopback-peers"),
		unneeded("nonces always expire, and are bound to the client's address", "stale-nonce", "stateless-nonce", "stateless-nonce-secret"),
		unneeded("lifetimes are those of RFC 8656", "max-allocate-lifetime", "channel-lifetime", "permission-lifetime", "max-allocate-timeout"),
		flags("a response has FINGERPRINT if the request had one", "fingerprint"),
		flags("responses never tell the version", "no-software-attribute", "software-attribute"),
		flags("there are no relays over TCP (RFC 6062)", "no-tcp-relay"),
		flags("TURN over DTLS is not served; clients use TLS over TCP", "no-dtls", "dtls"),
		flags("TLS 1.2 and 1.3 are served", "no-tlsv1", "no-tlsv1_1", "no-tlsv1_2", "tlsv1", "tlsv1_1", "no-sslv2", "no-sslv3"),
		unneeded("key exchange and ciphers are those that Go considers safe", "cipher-list", "ec-curve-name", "dh-file", "dh566", "dh1066", "dh2066", "raw-public-keys"),
		flags("Binding requests are always answered, with a limit per address", "no-stun", "secure-stun", "no-auth-pings"),
		flags("RFC 5780 is supported where there are two addresses or ports", "rfc5780", "no-rfc5780", "response-origin-only-with-rfc5780"),
		flags("clients of RFC 3489, whose requests have no magic cookie, get no answer; everything that WebRTC and SIP use has had one since 2008 (RFC 5389)", "stun-backward-compatibility", "rfc3489-compatibility"),
		flags("the channel numbers of RFC 5766, 0x4000 to 0x7FFF, are always accepted", "rfc5766-channel-numbers"),
		flags("a client whose address changes makes a new connection (ICE restart)", "mobility"),
		flags("the ORIGIN attribute is ignored", "check-origin-consistency"),
		unneeded("callbox chooses this by itself", "relay-threads", "cpus", "ne", "sock-buf-size", "udp-self-balance", "udp-recvmmsg", "udp-gso", "multiplex-peer", "multiplex-peer-port", "multiplex-peer-max-peers"),
		flags("responses to unauthenticated requests are always limited per address", "unauthorized-ratelimit"),
		unneeded("responses to unauthenticated requests are always limited per address", "unauthorized-ratelimit-rps"),
		flags("invalid packets are always dropped and counted", "drop-invalid-packets", "drop-invalid-packets-log"),
		flags("reasons are in responses and in the log", "include-reason-string"),
		unneeded("metrics are at `/metrics` of `--admin`, without user names", "prometheus", "prometheus-port", "prometheus-address", "prometheus-path",
			"prometheus-username-labels", "prometheus-tls", "prometheus-cert", "prometheus-key", "redis-statsdb"),
		unneeded("the admin listener replaces it: `--admin`, 127.0.0.1:9090 by default", "cli", "no-cli", "cli-ip", "cli-port", "cli-password", "cli-max-output-sessions",
			"web-admin", "web-admin-ip", "web-admin-port", "web-admin-listen-on-workers"),
		unneeded("logs go to standard error, or to `--log-file`, in the format of `--log-format`", "log-file", "no-stdout-log", "syslog", "syslog-facility", "simple-log",
			"new-log-timestamp", "new-log-timestamp-format"),
		unneeded("`--log-level debug` logs more", "verbose", "Verbose", "log-min-level", "log-binding", "udp-recvmmsg-log", "udp-sendmmsg-log"),
		unneeded("whoever starts the program decides which user it runs as, and whether in the background", "proc-user", "proc-group", "pidfile", "daemon", "no-daemon"),
		unneeded("SQLite databases are not read", "userdb", "db", "secret-key-file"),
		flags("nothing is read from a database", "no-dynamic-ip-list", "no-dynamic-realms"),
		unneeded("a drain waits until the last relay has ended", "drain-min-allocations"),
		unneeded("a program of your own renews the certificates", "acme-redirect"),
		flags("the TURN ports do not speak HTTP", "respond-http-unsupported"),
		unneeded("it is part of OAuth", "server-name"),
		flags("it has no effect", "version"),
	}
}

// refusedKeys returns the keys without which the file would mean something else.
func refusedKeys() []Key {
	refused := func(text string, names ...string) Key { return Key{Names: names, Use: Refused, Text: text} }
	flags := func(text string, names ...string) Key {
		return Key{Names: names, Use: Refused, Text: text, Flag: true}
	}
	return []Key{
		flags("relays for everybody are not served, because strangers would use them; use `use-auth-secret` or `user`", "no-auth"),
		flags("OAuth (RFC 7635) is not supported; use `use-auth-secret`", "oauth"),
		refused("users and secrets of a database are not read; use `static-auth-secret` or `user`, or the flags `--turn-secret` or `--turn-user`", "psql-userdb", "sql-userdb", "mysql-userdb", "mongo-userdb", "redis-userdb"),
		refused("listeners and relays are bound to addresses, not to devices; use `listening-ip` and `relay-ip`", "listening-device", "relay-device"),
		refused("the PROXY protocol is not supported; clients must reach the server directly", "tcp-proxy-port"),
		refused("clients are not redirected to other servers; let the application that hands out credentials choose the server", "alternate-server", "udp-alternate-server", "tcp-alternate-server", "tls-alternate-server"),
		flags("relays use UDP only; there would be none", "no-udp-relay"),
		flags("this server is there to relay; a client without a credential gets no relay anyway, so remove the key", "stun-only"),
		flags("it would let strangers send to relays; callbox has no such mode", "server-relay"),
		refused("client certificates are not supported", "CA-file"),
		refused("the key must have no password; openssl pkey -in old.pem -out new.pem removes it", "pkey-pwd"),
	}
}
