// Package cert provides the TLS certificates of callbox.
//
// A [Local] is a certificate authority (CA) of this machine, with a certificate that it
// signs for the machine's names and addresses. It is created at the first start, so that
// browsers have the secure context that camera access needs, without a domain. A [Files]
// is a certificate from files, which are reloaded when they change.
//
// The authority is constrained (RFC 5280, section 4.2.1.10), so that whoever trusts it need
// not fear its key: it vouches only for servers at localhost, at names and addresses of local
// networks, and at the name and addresses that the machine had when the authority was
// created. newAuthority in authority.go writes these constraints into its certificate, and
// authority.permitted applies them before each signature.
//
// Both provide certificates through GetCertificate, for [crypto/tls.Config]. Neither has
// a goroutine: a handshake checks, at most once a second, whether there is a newer
// certificate, while others use the current one. Both are safe for concurrent use.
package cert
