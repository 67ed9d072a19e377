package main

import (
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"callbox/internal/safefile"
	"callbox/turnserver/coturn"
)

// givenFlags returns the flags given by the command line or the environment, with
// the values of those that are strings.
func givenFlags(context *kong.Context) coturn.Flags {
	given := coturn.Flags{}
	for _, element := range context.Path {
		if element.Flag == nil {
			continue
		}
		var values []string
		switch value := element.Flag.Target.Interface().(type) {
		case string:
			values = []string{value}
		case []string:
			values = value
		}
		given[element.Flag.Name] = values
	}
	return given
}

// applyCoturn sets the flags that are not given from a coturn configuration file.
func (c *turnCommand) applyCoturn(given coturn.Flags, log *slog.Logger, faults *faults) {
	if c.CoturnConfig == "" {
		return
	}
	config, err := readCoturn(c.CoturnConfig, given)
	if err != nil {
		faults.add("--coturn-config", err)
		return
	}
	for _, note := range config.Notes {
		log.Info("coturn setting ignored, because it is not needed", "key", note.Key, "line", note.Line, "reason", note.Reason)
	}
	for _, warning := range config.Warnings {
		log.Warn("coturn setting", "key", warning.Key, "line", warning.Line, "reason", warning.Reason)
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
		{"turn-default-family", &c.TurnDefaultFamily, config.DefaultFamily},
	} {
		if _, ok := given[text.flag]; text.value != "" && !ok {
			*text.field = text.value
		}
	}
	for _, texts := range []struct {
		flag  string
		field *[]string
		value []string
	}{
		{"turn-udp", &c.TurnUDP, config.UDP},
		{"turn-tcp", &c.TurnTCP, config.TCP},
		{"turn-tls", &c.TurnTLS, config.TLS},
		{"turn-secret", &c.TurnSecret, config.Secrets},
		{"turn-user", &c.TurnUser, config.Users},
		{"public-ip", &c.PublicIP, config.PublicIPs},
		{"relay-ip", &c.RelayIP, config.RelayIPs},
		{"turn-allow-peer", &c.TurnAllowPeer, config.AllowPeers},
		{"turn-deny-peer", &c.TurnDenyPeer, config.DenyPeers},
	} {
		if _, ok := given[texts.flag]; !ok {
			*texts.field = texts.value
		}
	}
	c.applyCoturnLimits(config, given)
}

func (c *turnCommand) applyCoturnLimits(config *coturn.Config, given coturn.Flags) {
	for _, limit := range []struct {
		flag  string
		field *int
		value int // 0 = not set
	}{
		{"turn-user-quota", &c.TurnUserQuota, config.UserQuota},
		{"turn-total-quota", &c.TurnTotalQuota, config.TotalQuota},
		{"turn-max-bps", (*int)(&c.TurnMaxBps), config.UserBytes},
		{"turn-total-bps", (*int)(&c.TurnTotalBps), config.TotalBytes},
	} {
		if _, ok := given[limit.flag]; limit.value != 0 && !ok {
			*limit.field = max(limit.value, 0)
		}
	}
}

func readCoturn(name string, given coturn.Flags) (*coturn.Config, error) {
	text, err := readText(safefile.NewSource(name, maxListFile))
	if err != nil {
		return nil, err
	}
	return coturn.Parse(name, strings.NewReader(text), given)
}
