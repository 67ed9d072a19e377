// Package doctor finds out what keeps calls through a callbox server from working, as seen from this
// machine: it reaches the server as a page does, asks it for the credentials of a check (POST
// /api/v1/check), sends data through its relays and back, and says in words what is wrong and what to
// do about it.
//
// Every check is one function in a file of its own and makes one [Finding]. The checks of the server
// come first, because they yield the addresses for those of the network, which run at the same time.
// What one failure means for calls depends on the others: judge.go decides that at the end.
package doctor
