// Package interop tests that other programs accept the output of countersign, and vice versa.
//
// Every test starts the real program on loopback, at a port that the system chooses, with a separate log in a
// temporary folder. The program's path is in the environment variable COUNTERSIGN:
//
//	cargo xtask test interop
//
// builds it first and sets the variable. The peers, pinned in go.mod, are
//
//   - golang.org/x/mod/sumdb, the note and tlog packages of Go's own checksum database;
//   - github.com/transparency-dev/tessera, its client, its fsck and its POSIX log;
//   - filippo.io/torchwood, its client, its reader of tlog-proofs and its witness, litewitness.
package interop
