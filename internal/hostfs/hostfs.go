// Package hostfs reads files of a host that may be hostile: below a root
// directory, bounded in bytes and in time, with one answer to why a read failed
// and to what a file's content is called. It imports only internal/model.
package hostfs
