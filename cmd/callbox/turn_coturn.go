package main

import (
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"callbox/internal/safefile"
	"callbox/turnserver/coturn"
)

// givenFlags are the names of the flags that the command line or the
// environment gives.
func givenFlags(context *kong.Context) map[string]bool {
	given := map[string]bool{}
	for _, element := range context.Path {
		if element.Flag != nil {
			given[element.Flag.Name] = true
		}
	}
	return given
}

// applyCoturn puts what a configuration file of coturn says in the place of
// flags that are not given.
func (c *turnCommand) applyCoturn(given map[string]bool, log *slog.Logger, faults *faults) {
	if c.CoturnConfig == "" {
		return
	}
	config, err := readCoturn(c.CoturnConfig)
	if err != nil {
		faults.add("--coturn-config", err)
		return
	}
	for _, note := range config.Notes {
		log.Info("key of coturn is not needed", "key", note.Key, "line", note.Line, "reason", note.Reason)
	}
	for _, text := range []struct {
		flag  string
		field *string
		value string
	}{
		{"realm", &c.Realm, config.Realm},
		{"relay-ports", &c.RelayPorts, config.RelayPorts},
		{"tls-cert", &c.TLSCert, config.Cert},
		{"tls-key", &c.TLSKey, config.Key},
	} {
		if text.value != "" && !given[text.flag] {
			*text.field = text.value
		}
	}
	ownCertificate := given["tls-cert"] && config.Cert == ""
	for _, texts := range []struct {
		flag  string
		field *[]string
		value []string
	}{
		{"turn-udp", &c.TurnUDP, config.UDP},
		{"turn-tcp", &c.TurnTCP, config.TCP},
		{"turn-tls", &c.TurnTLS, config.TLS},
		{"turn-secret", &c.TurnSecret, config.Secrets},
		{"public-ip", &c.PublicIP, config.PublicIPs},
		{"relay-ip", &c.RelayIP, config.RelayIPs},
		{"turn-allow-peer", &c.TurnAllowPeer, config.AllowPeers},
		{"turn-deny-peer", &c.TurnDenyPeer, config.DenyPeers},
	} {
		if !given[texts.flag] && (texts.flag != "turn-tls" || !ownCertificate) {
			*texts.field = texts.value
		}
	}
	c.applyCoturnLimits(config, given)
}

func (c *turnCommand) applyCoturnLimits(config *coturn.Config, given map[string]bool) {
	for _, limit := range []struct {
		flag  string
		field *int
		value int // 0 = nothing is said
	}{
		{"turn-user-quota", &c.TurnUserQuota, config.UserQuota},
		{"turn-total-quota", &c.TurnTotalQuota, config.TotalQuota},
		{"turn-max-bps", (*int)(&c.TurnMaxBps), config.UserBytes},
		{"turn-total-bps", (*int)(&c.TurnTotalBps), config.TotalBytes},
	} {
		if limit.value != 0 && !given[limit.flag] {
			*limit.field = max(limit.value, 0)
		}
	}
}

func readCoturn(name string) (*coturn.Config, error) {
	text, err := readText(safefile.NewSource(name, maxListFile))
	if err != nil {
		return nil, err
	}
	return coturn.Parse(name, strings.NewReader(text))
}
