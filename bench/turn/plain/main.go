// Plain is a simple TURN server with pion/turn: one listener for UDP, TCP or TLS,
// time-limited credentials, no logging, and receive buffers of 4 MiB.
package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/pion/logging"
	"github.com/pion/turn/v4"
)

func main() {
	secret := flag.String("secret", "", "shared secret from which credentials are made")
	network := flag.String("network", "udp", "transport: udp, tcp, tls")
	cert := flag.String("cert", "", "certificate file for tls, PEM")
	key := flag.String("key", "", "key file of the certificate, PEM")
	flag.Parse()
	if err := run(*secret, *network, *cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "plain:", err)
		os.Exit(1) //nolint:forbidigo // the one place that ends the program
	}
}

const bufferBytes = 4 << 20

// run serves until the process gets a signal.
func run(secret, network, cert, key string) (err error) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	config := turn.ServerConfig{
		Realm:         "callbox",
		AuthHandler:   turn.LongTermTURNRESTAuthHandler(secret, silent{}.NewLogger("")),
		LoggerFactory: silent{},
	}
	at, err := listen(&config, network, cert, key)
	if err != nil {
		return err
	}
	server, err := turn.NewServer(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	ready := struct {
		Turn []string `json:"turn"`
	}{[]string{network + "://" + at.String()}}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	<-stop
	return nil
}

// listen adds the listener to config, and returns its address.
func listen(config *turn.ServerConfig, network, cert, key string) (net.Addr, error) {
	if network == "udp" {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		config.PacketConnConfigs = []turn.PacketConnConfig{{PacketConn: conn, RelayAddressGenerator: relays{}}}
		return conn.LocalAddr(), conn.SetReadBuffer(bufferBytes)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // at the start of a program that ends by a signal
	if err != nil {
		return nil, err
	}
	if network == "tls" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	config.ListenerConfigs = []turn.ListenerConfig{{Listener: listener, RelayAddressGenerator: relays{}}}
	return listener.Addr(), nil
}

// relays binds relay sockets to loopback.
type relays struct{}

func (relays) Validate() error { return nil }

func (relays) AllocatePacketConn(_ string, port int) (net.PacketConn, net.Addr, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, nil, err
	}
	return conn, conn.LocalAddr(), conn.SetReadBuffer(bufferBytes)
}

func (relays) AllocateConn(string, int) (net.Conn, net.Addr, error) {
	return nil, nil, errors.New("relays use only UDP")
}

// silent is a logger that logs nothing.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger { return silent{} }

func (silent) Trace(string)          {}
func (silent) Tracef(string, ...any) {}
func (silent) Debug(string)          {}
func (silent) Debugf(string, ...any) {}
func (silent) Info(string)           {}
func (silent) Infof(string, ...any)  {}
func (silent) Warn(string)           {}
func (silent) Warnf(string, ...any)  {}
func (silent) Error(string)          {}
func (silent) Errorf(string, ...any) {}
