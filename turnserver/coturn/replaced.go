package coturn

import "slices"

// Flags are the flags that the command line and the environment set, which replace keys of a file:
// the values by the names of flags such as "turn-secret".
type Flags map[string][]string

// has reports whether all named flags are set.
func (g Flags) has(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		_, given := g[name]
		return !given
	})
}

// names reports whether a flag that takes one file is set to a name.
func (g Flags) names(flag string) bool {
	return len(g[flag]) > 0 && g[flag][0] != ""
}

// replacedBy returns, for the keys that flags can replace, the flags that together say what the key
// says; each of several sets is enough. The value of a replaced key is not checked.
func replacedBy() map[string][][]string {
	const udp, tcp, tls = "turn-udp", "turn-tcp", "turn-tls"
	all := map[string][][]string{
		"static-auth-secret":                {{"turn-secret"}},
		"user":                              {{"turn-user"}},
		"realm":                             {{"realm"}},
		"listening-ip":                      {{udp, tcp, tls, "relay-ip"}},
		"listening-port":                    {{udp, tcp}},
		"alt-listening-port":                {{udp, tcp}},
		"aux-server":                        {{udp, tcp}},
		"no-udp":                            {{udp}},
		"no-tcp":                            {{tcp}},
		"no-tls":                            {{tls}},
		"cert":                              {{"tls-cert"}},
		"pkey":                              {{"tls-key"}},
		"pkey-pwd":                          {{"tls-key"}},
		"external-ip":                       {{"public-ip"}},
		"relay-ip":                          {{"relay-ip"}},
		"relay-device":                      {{"relay-ip"}},
		"listening-device":                  {{udp, tcp, tls, "relay-ip"}},
		"min-port":                          {{"relay-ports"}},
		"max-port":                          {{"relay-ports"}},
		"user-quota":                        {{"turn-user-quota"}},
		"total-quota":                       {{"turn-total-quota"}},
		"max-bps":                           {{"turn-max-bps"}},
		"bps-capacity":                      {{"turn-total-bps"}},
		"allowed-peer-ip":                   {{"turn-allow-peer"}},
		"denied-peer-ip":                    {{"turn-deny-peer"}},
		"keep-address-family":               {{"turn-default-family"}},
		"allow-loopback-peers":              {{"turn-allow-peer"}},
		"tls-listening-port":                {{tls}},
		"alt-tls-listening-port":            {{tls}},
		"allocation-default-address-family": {{"turn-default-family"}},
	}
	for _, database := range []string{"psql-userdb", "sql-userdb", "mysql-userdb", "mongo-userdb", "redis-userdb"} {
		all[database] = [][]string{{"turn-secret"}, {"turn-user"}}
	}
	return all
}

// settled returns the flags that are set, and those whose listeners the file turns off anyway.
func (f *file) settled() Flags {
	all := Flags{}
	for name, values := range f.flags {
		all[name] = values
	}
	for name, off := range map[string]bool{"turn-udp": f.ports.noUDP, "turn-tcp": f.ports.noTCP, "turn-tls": f.ports.noTLS} {
		if off {
			all[name] = nil
		}
	}
	return all
}

// dropReplaced removes the faults and warnings of keys that flags replace, and adds notes about those
// keys.
func (f *file) dropReplaced() {
	settled, choices := f.settled(), replacedBy()
	replaced := func(key string) bool {
		return slices.ContainsFunc(choices[key], func(flags []string) bool {
			return settled.has(flags...) && slices.ContainsFunc(flags, func(flag string) bool { return f.flags.has(flag) })
		})
	}
	f.fault = slices.DeleteFunc(f.fault, func(one fault) bool { return replaced(one.key) || one.key != "" && one.key == f.unserved })
	f.Warnings = slices.DeleteFunc(f.Warnings, func(note Note) bool { return replaced(note.Key) })
	for key, line := range f.keys {
		if replaced(key) {
			f.Notes = append(f.Notes, Note{Key: key, Reason: "a flag says it", Line: line})
		}
	}
	slices.SortFunc(f.Notes, func(a, b Note) int { return a.Line - b.Line })
}
