package main

import (
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"callbox/signaling"
)

// parseEmbedOrigins returns the origins of --allow-embed as browsers write them: in lower case, names in ASCII, without
// the default port. The page compares them with the origin of messages, and they become part of a policy, so only
// letters, digits and "-." may be in a name. Browsers match no IPv6 address in such a policy.
func parseEmbedOrigins(given []string, faults *faults) []string {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-."
	var origins []string
	for _, text := range given {
		if strings.Contains(text, "*") {
			faults.addf("--allow-embed", "%q would let unknown sites show calls in their pages; name each origin, such as https://example.org", text)
			continue
		}
		scheme, rest, _ := strings.Cut(strings.ToLower(text), "://")
		host, port, withPort := strings.Cut(rest, ":")
		name, err := idna.Lookup.ToASCII(host)
		if _, portErr := strconv.ParseUint(port, 10, 16); withPort && portErr != nil {
			err = portErr
		}
		if signaling.CheckOrigin(text) != nil || err != nil || strings.Trim(name, allowed) != "" {
			faults.addf("--allow-embed", "%q is not of the form https://host or https://host:port, with a name or an IPv4 address", text)
			continue
		}
		origin := scheme + "://" + name
		if withPort && (scheme != "https" || port != "443") && (scheme != "http" || port != "80") {
			origin += ":" + port
		}
		origins = append(origins, origin)
	}
	return origins
}
