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

	Serve serveCommand    `cmd:"" default:"withargs" help:"Serve the call page, signaling, STUN and TURN. This is the default command."`
	Turn  turnCommand     `cmd:"" help:"Serve only STUN and TURN."`
	Peer  peerCommand     `cmd:"" help:"Join a room as a bot, make or answer a call, and report the result."`
	Run   scenarioCommand `cmd:"" help:"Run a scenario: several bots that do what a file says, step by step."`
	Load  loadCommand     `cmd:"" help:"Make many calls at once, and report how they went and what they cost."`
	Token tokenCommand    `cmd:"" help:"Create a token that lets its holder join a room of a server that runs with --join-secret."`

	Doctor doctorCommand `cmd:"" help:"Find out what keeps calls through a server from working, as seen from this machine."`

	TurnCredential turnCredentialCommand `cmd:"" help:"Create a user name and a password for a TURN server."`
}

// commandLine is the result of parse.
type commandLine struct {
	cli    cli
	kong   *kong.Context // nil if the arguments contain no valid command
	faults faults
	done   bool // help or version was requested and printed
}

// parse parses the arguments. Flags that they do not contain are taken from the
// environment: the variable of --turn-udp is CALLBOX_TURN_UDP. It continues after a
// fault, so that all faults are reported.
func parse(args []string, env environment, std streams) *commandLine {
	var unknown faults
	var values []string // arguments that follow unknown flags, perhaps their values
	for {
		line := parseOnce(args, env, std)
		if line.kong == nil && len(line.faults) > 0 {
			last := line.faults[len(line.faults)-1]
			if name, ok := unknownFlag(last); ok {
				unknown = append(unknown, explainUnknownFlag(last, name, args))
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
			return nil, nil //nolint:nilnil // means to kong: no value here
		})),
		kong.NamedMapper("listeners", kong.MapperFunc(addListener)),
		kong.KindMapper(reflect.Int, collectFaults(&line.faults, "a whole number such as 20", strconv.Atoi)),
		kong.TypeMapper(reflect.TypeFor[byteRate](), collectFaults(&line.faults, "a number of bytes per second from 1K to 1000G, such as 10M or 500K, or 0", parseByteRate)),
		kong.TypeMapper(reflect.TypeFor[byteSize](), collectFaults(&line.faults, "a number of bytes such as 500M or 2G, or 0", parseByteSize)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), collectFaults(&line.faults, "a duration such as 15s or 1m30s", time.ParseDuration)),
	)
	if err != nil {
		line.faults = append(line.faults, err)
		return line
	}
	if line.kong, err = parser.Parse(args); err != nil {
		line.faults = append(line.faults, explainMissingValue(err))
	}
	return line
}

// unknownFlag returns the name of the unknown flag at which parsing stopped, if err
// says so.
func unknownFlag(err error) (name string, ok bool) {
	name, ok = strings.CutPrefix(err.Error(), "unknown flag ")
	name, _, _ = strings.Cut(name, ",") // a suggestion follows
	return name, ok && strings.HasPrefix(name, "--")
}

// explainUnknownFlag returns err, and for what people take for a flag of callbox peer, how
// it is given instead.
func explainUnknownFlag(err error, name string, args []string) error {
	if slices.Contains(args, "peer") && slices.Contains([]string{"--server", "--url", "--room"}, name) {
		return fmt.Errorf("%w; the server and the room are arguments without a flag: callbox peer URL ROOM", err)
	}
	return err
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

// unexpectedArgument returns the argument at which parsing stopped, if it is one of
// values.
func unexpectedArgument(err error, values []string) (value string, ok bool) {
	value, ok = strings.CutPrefix(err.Error(), "unexpected argument ")
	value, _, _ = strings.Cut(value, ",")
	return value, ok && slices.Contains(values, value)
}

// explainMissingValue returns kong's error about a missing value in plain words, and
// any other error unchanged.
func explainMissingValue(err error) error {
	text := err.Error()
	flag, _, found := strings.Cut(text, ": ")
	if found && (strings.Contains(text, `got "EOL"`) || strings.Contains(text, "missing value")) {
		return fmt.Errorf("%s: a value is required", flag)
	}
	return err
}

// envName returns the environment variable of a flag; "" = none.
func envName(flag *kong.Flag) string {
	if slices.Contains([]string{"help", "version", "schema"}, flag.Name) { // they print something instead
		return ""
	}
	return "CALLBOX_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// addListener maps the addresses of a repeatable listener flag. An empty one also
// drops the addresses before it.
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

// collectFaults returns a mapper that adds a fault to faults and continues, whereas
// kong's own mappers stop the parsing.
func collectFaults[T any](faults *faults, want string, parse func(string) (T, error)) kong.MapperFunc {
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
