// Command attack does to a server what a stranger might: the tests of package
// siege run it beside honest clients. It knows nothing of callbox's own code.
//
// Every attack keeps up its pressure: what the server ends or refuses is tried
// again at once, from all the source addresses, until the time is over. Then
// one line of JSON says how much of it there was.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// attacks by name. The numbers in comments are those of the table in
// docs/security.md.
func attacks() map[string]func(context.Context, *attacker) {
	return map[string]func(context.Context, *attacker){
		"keepalive":   keepAlive,   // connections that are idle after a request
		"unfinished":  unfinished,  // headers, bodies and handshakes without an end, slow readers
		"streams":     streams,     // HTTP/2 streams that take no answer
		"unconfirmed": unconfirmed, // messages that are read and not confirmed
		"seats":       idle,        // peers that are alone in their rooms, and stay
		"away":        away,        // the same, and the connection broken
		"frames":      frames,      // frames without an end
		"sessions":    sessions,    // sessions over plain HTTP, opened and left
		"reports":     reports,     // lines in the log
		"tokens":      tokens,      // wrong tokens
		"relays":      relays,      // relays of peers without an account
		"spoofed":     spoofed,     // STUN in the name of somebody else's address
		"flood":       flood,       // more frames than the rate allows
		"turn":        turn,        // TURN connections that say nothing, or half of it
	}
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1) //nolint:forbidigo // a program's way to fail
	}
}

func run(args []string, out io.Writer) error {
	a := &attacker{}
	flags := flag.NewFlagSet("attack", flag.ContinueOnError)
	flags.IntVar(&a.ports.http, "http", 0, "port of HTTP")
	flags.IntVar(&a.ports.https, "https", 0, "port of HTTPS")
	flags.IntVar(&a.ports.udp, "udp", 0, "port of TURN over UDP")
	flags.IntVar(&a.ports.tcp, "tcp", 0, "port of TURN over TCP")
	flags.IntVar(&a.ports.tls, "tls", 0, "port of TURN over TLS")
	flags.TextVar(&a.v4, "v4", netip.Addr{}, "the server's IPv4 address")
	flags.TextVar(&a.v6, "v6", netip.Addr{}, "the server's IPv6 address")
	flags.IntVar(&a.each, "each", 100, "connections from each address")
	sources := flags.String("from", "", "source addresses, with commas between")
	during := flags.Duration("for", time.Minute, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for text := range strings.SplitSeq(*sources, ",") {
		source, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("-from: %w", err)
		}
		a.sources = append(a.sources, source)
	}
	attack, ok := attacks()[flags.Arg(0)]
	if !ok || flags.NArg() != 1 {
		return fmt.Errorf("name one of the attacks: %s", strings.Join(slices.Sorted(maps.Keys(attacks())), ", "))
	}
	ctx, cancel := context.WithTimeout(context.Background(), *during)
	defer cancel()
	attack(ctx, a)
	return json.NewEncoder(out).Encode(a.result())
}
