// Package budget limits the memory that unknown clients can make the process hold:
// messages that wait for a reader, incomplete frames, requests that are being served,
// seats whose connection broke.
//
// There is one [Memory] for the process. Code that stores something for a client calls
// Take with its size first, calls Give when it is freed, and refuses the client, saying
// why, if there is not enough left. So an attacker loses requests, but the process
// survives.
//
// # Shares
//
// A client address may hold a sixteenth of what is still free. So a single address gets
// a seventeenth of the budget. If twenty addresses take all they can get, one after the
// other, three tenths of the budget stay free, and the next address may have as much as
// the last of them. This needs no second setting, and does not depend on how many
// addresses an attacker has.
package budget
