package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// cli is the grammar of the command line.
type cli struct {
	Log     logFlags         `embed:""`
	Version kong.VersionFlag `help:"Print the version and exit."`

	Serve serveCommand `cmd:"" default:"withargs" help:"Serve the call page, signaling, STUN and TURN. This is the default command."`
	Turn  turnCommand  `cmd:"" help:"Serve only STUN and TURN."`
	Peer  peerCommand  `cmd:"" help:"Join a room as a bot, make or answer a call, and report the result."`
	Token tokenCommand `cmd:"" help:"Create a token that lets its holder join a room of a server that runs with --join-secret."`

	TurnCredential turnCredentialCommand `cmd:"" help:"Create a user name and a password for a TURN server."`
}

// commandLine is what parse makes of the arguments and the environment.
type commandLine struct {
	cli    cli
	kong   *kong.Context // nil when the arguments make no command
	faults faults
	done   bool // help or version was asked for and printed
}

// parse reads arguments, and from the environment what they do not say: the
// variable of --turn-udp is CALLBOX_TURN_UDP. It goes on after a fault, so
// that all of them are told.
func parse(args []string, env environment, std streams) *commandLine {
	var unknown faults
	var values []string // what follows unknown flags, perhaps their values
	for {
		line := parseOnce(args, env, std)
		if line.kong == nil && len(line.faults) > 0 {
			last := line.faults[len(line.faults)-1]
			if name, ok := unknownFlag(last); ok {
				unknown = append(unknown, last)
				args, values = withoutFlag(args, name, values)
				continue
			}
			if value, ok := unexpectedArgument(last, values); ok {
				at := slices.Index(args, value)
				args = slices.Delete(slices.Clone(args), at, at+1)
				continue
			}
		}
		line.faults = append(unknown, line.faults...)
		line.done = line.done && len(unknown) == 0
		return line
	}
}

func parseOnce(args []string, env environment, std streams) *commandLine {
	line := &commandLine{}
	parser, err := kong.New(
		&line.cli,
		kong.Name("callbox"),
		kong.Description("One-to-one video calls from one program: call page, signaling, STUN and TURN."),
		kong.Vars{"version": programVersion()},
		kong.Writers(std.stdout, std.stderr),
		kong.Exit(func(int) { line.done = true }),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ValueFormatter(func(v *kong.Value) string {
			if v.Flag == nil || envName(v.Flag) == "" {
				return v.Help
			}
			return v.Help + " ($" + envName(v.Flag) + ")"
		}),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if value, ok := env(envName(flag)); ok && envName(flag) != "" {
				return value, nil
			}
			return nil, nil //nolint:nilnil // kong's way to say: not here
		})),
		kong.NamedMapper("listeners", kong.MapperFunc(addListener)),
		kong.KindMapper(reflect.Int, noting(&line.faults, "a whole number such as 20", strconv.Atoi)),
		kong.TypeMapper(reflect.TypeFor[byteRate](), noting(&line.faults, "a number of bytes per second from 1K to 1000G, such as 10M or 500K, or 0", parseByteRate)),
		kong.TypeMapper(reflect.TypeFor[byteSize](), noting(&line.faults, "a number of bytes such as 500M or 2G, or 0", parseByteSize)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), noting(&line.faults, "a duration such as 15s or 1m30s", time.ParseDuration)),
	)
	if err != nil {
		line.faults = append(line.faults, err)
		return line
	}
	if line.kong, err = parser.Parse(args); err != nil {
		line.faults = append(line.faults, inWords(err))
	}
	return line
}

// unknownFlag returns the flag that parsing stopped at because there is none
// of that name.
func unknownFlag(err error) (name string, ok bool) {
	name, ok = strings.CutPrefix(err.Error(), "unknown flag ")
	name, _, _ = strings.Cut(name, ",") // a suggestion follows
	return name, ok && strings.HasPrefix(name, "--")
}

// withoutFlag returns args without a flag, and adds what follows it to values.
func withoutFlag(args []string, name string, values []string) (rest, all []string) {
	for i, arg := range args {
		if arg != name && !strings.HasPrefix(arg, name+"=") {
			rest = append(rest, arg)
		} else if arg == name && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			values = append(values, args[i+1])
		}
	}
	return rest, values
}

// unexpectedArgument returns the argument that parsing stopped at when it is
// one of values.
func unexpectedArgument(err error, values []string) (value string, ok bool) {
	value, ok = strings.CutPrefix(err.Error(), "unexpected argument ")
	value, _, _ = strings.Cut(value, ",")
	return value, ok && slices.Contains(values, value)
}

// inWords puts what kong says of a missing value in words.
func inWords(err error) error {
	text := err.Error()
	flag, _, found := strings.Cut(text, ": ")
	if found && (strings.Contains(text, `got "EOL"`) || strings.Contains(text, "missing value")) {
		return fmt.Errorf("%s: a value is required", flag)
	}
	return err
}

// envName returns the environment variable of a flag, "" when it has none.
func envName(flag *kong.Flag) string {
	if flag.Name == "help" || flag.Name == "version" {
		return ""
	}
	return "CALLBOX_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// addListener maps the addresses of a repeatable listener. An empty one
// switches off what was said before it, too.
func addListener(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("an address", &text); err != nil {
		return err
	}
	addresses := []string{}
	if text != "" {
		addresses = slices.Concat(target.Interface().([]string), strings.Split(text, ",")) //nolint:forcetypeassert // the field's type
	}
	target.Set(reflect.ValueOf(addresses))
	return nil
}

// noting returns a mapper that notes a fault and goes on, where kong's own
// would end the parsing.
func noting[T any](faults *faults, want string, parse func(string) (T, error)) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		token, err := ctx.Scan.PopValue(want)
		if err != nil {
			return err
		}
		value, err := parse(token.String())
		if err == nil {
			target.Set(reflect.ValueOf(value).Convert(target.Type()))
		} else {
			faults.addf(ctx.Value.ShortSummary(), "%q is not %s", fmt.Sprint(token), want)
		}
		return nil
	}
}
