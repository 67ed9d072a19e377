package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"callbox/internal/hangup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal, the next one has its usual effect: it ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, hangup.Signals(), os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}
