package turnserver

import (
	"log/slog"
	"net"
)

// receiveBuffer is asked of the kernel for each UDP socket of clients: one
// goroutine reads for all of them, and bursts must not be lost meanwhile.
const receiveBuffer = 4 << 20

// packetConn is a socket that survives errors of reading: it fails only when
// it is closed.
type packetConn struct {
	net.PacketConn
	closing <-chan struct{}
	log     *slog.Logger
}

func newPacketConn(conn net.PacketConn, closing <-chan struct{}, log *slog.Logger) *packetConn {
	if sized, ok := conn.(interface{ SetReadBuffer(bytes int) error }); ok {
		if err := sized.SetReadBuffer(receiveBuffer); err != nil {
			log.Debug("receive buffer", "err", err)
		}
	}
	return &packetConn{conn, closing, log}
}

func (c *packetConn) ReadFrom(p []byte) (n int, addr net.Addr, err error) {
	err = persist(c.closing, c.log, func() (err error) {
		n, addr, err = c.PacketConn.ReadFrom(p)
		return err
	})
	return n, addr, err
}
