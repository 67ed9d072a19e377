// Package process builds and starts the programs that are compared, with a processor
// each for server and clients, and measures CPU time, resident memory and profiles.
package process
