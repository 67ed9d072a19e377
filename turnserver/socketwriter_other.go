//go:build !unix

package turnserver

import "net"

// socketWriter stands for that of Unix: here the goroutine of a stream writes all.
type socketWriter struct{}

func newSocketWriter(net.Conn) *socketWriter { return nil }

func (w *socketWriter) write([]byte) int { return 0 }
