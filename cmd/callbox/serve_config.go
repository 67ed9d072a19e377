package main

import (
	"net/netip"
	"time"

	"callbox/signaling"
	"callbox/signaling/protocol"
	"callbox/turnserver"
)

const (
	// The limits of --ping and --grace. A held seat must not outlive its resume token.
	minPeriod = 100 * time.Millisecond
	maxPing   = time.Hour
	maxGrace  = signaling.ResumeLife / 2
)

// serveConfig is the configuration that the flags of callbox serve describe.
type serveConfig struct {
	*turnConfig
	flags     *serveCommand
	session   *list[[]byte] // secrets of resume tokens; the first one signs
	join      *list[[]byte] // secrets of join tokens; without any, joins need no token
	proxies   *list[netip.Prefix]
	hosts     []string // names that listeners on loopback accept
	basePath  string   // everything is served below it; begins and ends with a slash
	embedders []string // origins of the sites that may show a call in a frame
	echoRoom  string   // canonical; "" = off
	signaling signaling.Config
}

// parseConfig evaluates everything that can be checked without the machine.
func (c *serveCommand) parseConfig(env environment, faults *faults) *serveConfig {
	config := &serveConfig{flags: c, turnConfig: c.parse(env, faults)}
	if config.data == "" && (c.needsLocalCertificate(c.HTTPS != "") || c.needsStoredSecret()) {
		faults.add("--data", errNoDataFolder)
	}
	if c.servesTURN() && len(c.TurnSecret) == 0 {
		faults.addf("--turn-secret", "call pages need relays, too, and never receive the credentials of fixed users; omit the flag to have a secret generated")
	}
	if c.HTTP == "" && c.HTTPS == "" {
		faults.addf("--http, --https", "both are off, so there is nothing to serve")
	}
	config.session = newSecrets("--session-secret", c.SessionSecret, signaling.MinSecretBytes, faults)
	config.join = newSecrets("--join-secret", c.JoinSecret, minJoinSecretBytes, faults)
	config.proxies = newList("--trusted-proxy", c.TrustedProxy, turnserver.ParsePeerRule, faults)
	config.hosts = parseHosts(c.Host, faults)
	config.basePath = parseBasePath(c.BasePath, faults)
	config.embedders = parseEmbedOrigins(c.AllowEmbed, faults)
	if c.HSTS != "on" && c.HSTS != "off" {
		faults.addf("--hsts", "%q is neither on nor off", c.HSTS)
	}
	config.echoRoom = parseEchoRoom(c.EchoRoom, faults)
	config.signaling = c.parseSignaling(faults)
	return config
}

// parseEchoRoom returns the canonical name.
func parseEchoRoom(name string, faults *faults) string {
	if name == "" {
		return ""
	}
	room, err := protocol.CanonicalRoom(name, protocol.MaxRoomName)
	faults.add("--echo-room", err)
	return room
}

func (c *serveCommand) parseSignaling(faults *faults) signaling.Config {
	limits := signaling.DefaultLimits()
	limits.FramesPerSecond, limits.FrameBurst = c.LimitFrames, 0
	limits.JoinsPerSecond, limits.JoinBurst = c.LimitJoins, 0
	limits.Connections = c.LimitConnections
	for _, flag := range []struct {
		name  string
		value int
	}{
		{"--room-capacity", c.RoomCapacity},
		{"--limit-frames", c.LimitFrames},
		{"--limit-joins", c.LimitJoins},
		{"--limit-connections", c.LimitConnections},
	} {
		if flag.value < 0 || flag.value > 1_000_000 {
			faults.addf(flag.name, "%d is not between 0 and 1000000", flag.value)
		}
	}
	for _, flag := range []struct {
		name       string
		value, max time.Duration
	}{
		{"--ping", c.Ping, maxPing},
		{"--grace", c.Grace, maxGrace},
	} {
		if flag.value != 0 && (flag.value < minPeriod || flag.value > flag.max) {
			faults.addf(flag.name, "%v is neither 0 nor between %v and %v", flag.value, minPeriod, flag.max)
		}
	}
	for _, origin := range c.AllowOrigin {
		if err := signaling.CheckOrigin(origin); err != nil {
			faults.addf("--allow-origin", "%q is %v", origin, err)
		}
	}
	return signaling.Config{
		Capacity:       c.RoomCapacity,
		Grace:          c.Grace,
		Ping:           c.Ping,
		Limits:         limits,
		AllowedOrigins: c.AllowOrigin,
	}
}
