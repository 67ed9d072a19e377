// Command attack attacks a server as a stranger can. The tests of package siege run it
// while honest clients use the server. It uses none of callbox's own code.
//
// When the server ends or refuses a connection, an attack tries again at once, from
// all source addresses, until the time is over. Then the program prints one line of
// JSON, a result.
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

// attacks returns the attacks by name.
func attacks() map[string]func(context.Context, *attacker) {
	return map[string]func(context.Context, *attacker){
		"keepalive":   keepAlive,   // connections that are idle after a request
		"unfinished":  unfinished,  // headers, bodies and handshakes that never end, slow readers
		"streams":     streams,     // HTTP/2 streams without a window for responses
		"unconfirmed": unconfirmed, // messages that are read and not confirmed
		"seats":       idle,        // peers that stay alone in their rooms
		"away":        away,        // unconfirmed messages for peers with broken connections
		"frames":      frames,      // frames that never end
		"sessions":    sessions,    // sessions over plain HTTP that are abandoned
		"reports":     reports,     // reports, which the server logs
		"tokens":      tokens,      // joins with wrong tokens
		"relays":      relays,      // allocations with the credentials that every peer gets
		"spoofed":     spoofed,     // STUN requests with somebody else's source address
		"flood":       flood,       // more frames than the limit on their rate allows
		"turn":        turn,        // TURN connections that send nothing, or half a message
	}
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1) //nolint:forbidigo // the one place that ends the program
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
	sources := flags.String("from", "", "comma-separated source addresses")
	during := flags.Duration("for", time.Minute, "duration of the attack")
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
