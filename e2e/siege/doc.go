// Package siege attacks the real program as strangers can, while simulated people
// use it. The attacks must not disturb them. The package holds nothing but tests.
//
//	go test ./e2e/siege                 each attack for 2 s, with few people
//	go test ./e2e/siege -siege.full     each for a minute, with 1 GiB of memory and 1024 descriptors
//
// Server, attackers and people are in a network namespace of their own.
package siege
