package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	hangups := make(chan os.Signal, 1) // several that come at once are one
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on the next one has its usual effect: the end.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, hangups, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}
