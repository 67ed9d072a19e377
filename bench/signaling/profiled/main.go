// Profiled is callbox's signaling alone, as `callbox serve` without limits on
// clients runs it, with a CPU profile of its whole life: see -cpuprofile of
// bench signaling. It is not what is measured.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"callbox/signaling"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 = any free one")
	profile := flag.String("cpuprofile", "", "file for the profile")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *port, *profile)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1) //nolint:forbidigo // the one place that ends the program
	}
}

func run(ctx context.Context, port int, profile string) (err error) {
	limits := signaling.DefaultLimits()
	limits.FramesPerSecond, limits.FrameBurst, limits.JoinsPerSecond, limits.JoinBurst, limits.Connections = 0, 0, 0, 0, 0
	s, err := signaling.New(signaling.Config{Capacity: signaling.DefaultCapacity, Ping: signaling.DefaultPing, Limits: limits})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	file, err := os.Create(profile) //nolint:gosec // G304: where the user wants it
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer pprof.StopCPUProfile()
	mux := http.NewServeMux()
	mux.Handle("GET /ws", s.WebSocketHandler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"ready": true, "url": "http://" + listener.Addr().String()}); err != nil {
		return err
	}
	<-ctx.Done()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(s.Close(bounded), server.Shutdown(bounded))
	if fault := <-served; !errors.Is(fault, http.ErrServerClosed) {
		err = errors.Join(err, fault)
	}
	return err
}
