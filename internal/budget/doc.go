// Package budget bounds the memory that clients nobody knows can make the
// process hold: messages that wait for a reader, unfinished frames, requests
// that are being served, seats whose connection broke.
//
// There is one [Memory] for the process. Whoever keeps something for a client
// takes its size first, gives it back when it is freed, and refuses the client
// in words when there is none left. So an attack costs the attacker's own
// requests, and not the process.
//
// # Shares
//
// A client address may hold a sixteenth of what is still free. One address
// alone therefore gets a seventeenth of the budget. When twenty take, one after
// the other, all they can get, three tenths of it stay free, and whoever comes
// then may have as much as the last of them. That needs no second setting, and
// does not depend on how many addresses an attacker has.
package budget
