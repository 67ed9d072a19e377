package coturn

// unneededKeys are those that nothing has to be done about.
func unneededKeys() []Key {
	unneeded := func(text string, names ...string) Key { return Key{Names: names, Use: Unneeded, Text: text} }
	flags := func(text string, names ...string) Key {
		return Key{Names: names, Use: Unneeded, Text: text, Flag: true}
	}
	return []Key{
		flags("multicast is always denied", "no-multicast-peers"),
		flags("loopback is always denied", "no-loopback-peers"),
		unneeded("nonces always end by themselves, and are bound to the client's address", "stale-nonce", "stateless-nonce", "stateless-nonce-secret"),
		unneeded("lifetimes are those of RFC 8656", "max-allocate-lifetime", "channel-lifetime", "permission-lifetime", "max-allocate-timeout"),
		flags("an answer has FINGERPRINT when the request had one", "fingerprint"),
		flags("answers never tell a version", "no-software-attribute", "software-attribute"),
		flags("there is no relay over TCP (RFC 6062)", "no-tcp-relay"),
		flags("TURN over DTLS is not served; clients use TLS over TCP", "no-dtls", "dtls"),
		flags("TLS 1.2 and 1.3 are served", "no-tlsv1", "no-tlsv1_1", "no-tlsv1_2", "tlsv1", "tlsv1_1", "no-sslv2", "no-sslv3"),
		unneeded("key exchange and ciphers are those that Go takes for safe", "cipher-list", "ec-curve-name", "dh-file", "dh566", "dh1066", "dh2066", "raw-public-keys"),
		flags("Binding requests are answered, and limited for each address", "no-stun", "secure-stun", "no-auth-pings"),
		flags("what RFC 5780 needs is served where there are two addresses or ports", "rfc5780", "no-rfc5780", "response-origin-only-with-rfc5780"),
		flags("clients of RFC 3489, whose requests have no magic cookie, get no answer; all that WebRTC and SIP use have had one since 2008 (RFC 5389)", "stun-backward-compatibility", "rfc3489-compatibility"),
		flags("channel numbers of RFC 5766, 0x4000 to 0x7FFF, are always taken", "rfc5766-channel-numbers"),
		flags("a client whose address changes makes a new connection (ICE restart)", "mobility"),
		flags("there are no origins", "check-origin-consistency"),
		unneeded("the engine chooses by itself", "relay-threads", "cpus", "ne", "sock-buf-size", "udp-self-balance", "udp-recvmmsg", "udp-gso", "multiplex-peer", "multiplex-peer-port", "multiplex-peer-max-peers"),
		flags("answers to strangers are always limited for each address", "unauthorized-ratelimit"),
		unneeded("answers to strangers are always limited for each address", "unauthorized-ratelimit-rps"),
		flags("what cannot be read is dropped and counted", "drop-invalid-packets", "drop-invalid-packets-log"),
		flags("reasons stand in answers and in the log", "include-reason-string"),
		unneeded("metrics are at `/metrics` of `--admin`, without names of users", "prometheus", "prometheus-port", "prometheus-address", "prometheus-path",
			"prometheus-username-labels", "prometheus-tls", "prometheus-cert", "prometheus-key", "redis-statsdb"),
		unneeded("`--admin` is the place to look, at 127.0.0.1:9090 unless you say otherwise", "cli", "no-cli", "cli-ip", "cli-port", "cli-password", "cli-max-output-sessions",
			"web-admin", "web-admin-ip", "web-admin-port", "web-admin-listen-on-workers"),
		unneeded("logs go to standard error, or to `--log-file`, in the form of `--log-format`", "log-file", "no-stdout-log", "syslog", "syslog-facility", "simple-log",
			"new-log-timestamp", "new-log-timestamp-format"),
		unneeded("`--log-level debug` tells more", "verbose", "Verbose", "log-min-level", "log-binding", "udp-recvmmsg-log", "udp-sendmmsg-log"),
		unneeded("whoever starts the program decides whom it runs as", "proc-user", "proc-group", "pidfile", "daemon", "no-daemon"),
		unneeded("what a database of SQLite holds is not read", "userdb", "db", "secret-key-file"),
		flags("nothing is read from a database", "no-dynamic-ip-list", "no-dynamic-realms"),
		unneeded("a drain waits for the last relay", "drain-min-allocations"),
		unneeded("certificates are renewed by a program of yours", "acme-redirect"),
		flags("the TURN ports speak no HTTP", "respond-http-unsupported"),
		unneeded("it belongs to OAuth", "server-name"),
		flags("it says nothing", "version"),
	}
}

// refusedKeys are those without which the file would mean something else.
func refusedKeys() []Key {
	refused := func(text string, names ...string) Key { return Key{Names: names, Use: Refused, Text: text} }
	flags := func(text string, names ...string) Key {
		return Key{Names: names, Use: Refused, Text: text, Flag: true}
	}
	return []Key{
		flags("relays for everybody are not served: strangers would use them; use `use-auth-secret`, or `user`", "no-auth"),
		flags("OAuth (RFC 7635) is not served; use `use-auth-secret`", "oauth"),
		refused("users and secrets of a database are not read; use `static-auth-secret` or `user`, or the flags `--turn-secret` or `--turn-user`", "psql-userdb", "sql-userdb", "mysql-userdb", "mongo-userdb", "redis-userdb"),
		refused("listeners and relays are bound to addresses; name them with `listening-ip` and `relay-ip`", "listening-device", "relay-device"),
		refused("the PROXY protocol is not spoken; clients must reach the server themselves", "tcp-proxy-port"),
		refused("clients are sent to no other server; let who hands out credentials choose", "alternate-server", "udp-alternate-server", "tcp-alternate-server", "tls-alternate-server"),
		flags("relays are over UDP; there would be none", "no-udp-relay"),
		flags("relays are the purpose of it; who has no credential gets none, so take the key away", "stun-only"),
		flags("it lets strangers send to relays; there is no such thing here", "server-relay"),
		refused("clients show no certificates", "CA-file"),
		refused("the key must be one without a password; openssl pkey -in old.pem -out new.pem makes one", "pkey-pwd"),
	}
}
