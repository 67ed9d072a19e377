// Package cert provides the certificates that callbox serves TLS with.
//
// A [Local] is a certificate authority of this machine's own together with a
// certificate that it signs for the machine's names and addresses. It is made
// on first start, so that a browser has the secure context that cameras need
// without anybody having to own a domain. A [Files] is a certificate that
// somebody else provides as files, read again when they change.
//
// Both hand out certificates through GetCertificate, for [crypto/tls.Config].
// Neither owns a goroutine: whether there is something newer is looked at
// during a handshake, at most once a second, by one handshake while the others
// go on with what is there. Both may be used from many goroutines.
package cert
