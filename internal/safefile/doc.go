// Package safefile reads and writes files that a person names or that lie in a
// folder of the program's own, so that no file can do harm: none blocks for
// good, none is endless, and none leads elsewhere unseen.
//
// A [Source] is a file that an operator names, such as the list of a flag; it
// may be a symbolic link. [ReadPrivate], [WritePrivate] and [CreatePrivate] are
// for files of the program's own, which are no links. [Text] makes sense of
// what editors and systems put around plain text.
package safefile
