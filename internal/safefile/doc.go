// Package safefile reads and writes files that a person names or that are in the
// program's own folder, so that no file can do harm: none blocks forever, none is read
// without limit, and no link in the program's folder is followed.
//
// A [Source] is a file that an operator names, such as the list of a flag; it may be a
// symbolic link. [ReadPrivate], [WritePrivate] and [CreatePrivate] are for the program's
// own files, which must not be links. [Text] decodes plain text as different editors and
// systems write it.
package safefile
