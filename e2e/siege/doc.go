// Package siege attacks the real program as strangers may, while people use
// it: what they do must go on as if nothing were. All of it is tests.
//
//	go test ./e2e/siege                 each attack for a moment, with few people
//	go test ./e2e/siege -siege.full     for a minute, on 1 GiB and 1024 descriptors
//
// Server, attackers and people are in a network namespace of their own.
package siege
