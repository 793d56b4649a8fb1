package interop

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// policy parses the lines of a trust file that are part of C2SP's tlog-policy with torchwood.
func policy(t *testing.T, lines ...string) torchwood.Policy {
	t.Helper()
	policy, err := torchwood.ParsePolicy([]byte(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func TestTorchwoodTakesOurProofs(t *testing.T) {
	c := newLogServer(t)
	policy := policy(t, "log "+c.vkey, "quorum none")
	c.submit(300)
	s := c.submit(30)
	_, proof := s.last()
	leaf := tlog.RecordHash(s.leaves[len(s.leaves)-1])
	if err := torchwood.VerifyProof(policy, leaf, []byte(proof)); err != nil {
		t.Errorf("%v:\n%s", err, proof)
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(s.leaves[0]), []byte(proof)); err == nil {
		t.Error("another leaf passes too")
	}
	tampered := strings.Replace(proof, "index ", "index 1", 1)
	if err := torchwood.VerifyProof(policy, leaf, []byte(tampered)); err == nil {
		t.Error("another index passes too")
	}
}

// submitAndRead submits entries to a log, and returns them with a function that has torchwood read those from an index on,
// compares each, and returns their number.
func submitAndRead(t *testing.T, c *logServer) (entries [][]byte, read func(begin int64) (int, error)) {
	t.Helper()
	entries = c.submit(300).leaves
	s := c.submit(700)
	entries = append(entries, s.leaves...)
	policy := policy(t, "log "+c.vkey, "quorum none")
	checkpoint, _, err := torchwood.VerifyCheckpoint([]byte(s.answer.Checkpoint), policy)
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(c.url)
	if err != nil {
		t.Fatal(err)
	}
	return entries, func(begin int64) (int, error) {
		t.Helper()
		client, err := torchwood.NewClient(fetcher)
		if err != nil {
			t.Fatal(err)
		}
		next := begin
		for index, entry := range client.AllEntries(t.Context(), checkpoint.Tree, begin) {
			if index != next || !bytes.Equal(entry, entries[index]) {
				t.Fatalf("entry %d is %q, not what was submitted", index, entry)
			}
			next++
		}
		return int(next - begin), client.Err()
	}
}

func TestTorchwoodReadsOurEntries(t *testing.T) {
	entries, read := submitAndRead(t, newLogServer(t))
	if count, err := read(0); err != nil || count != len(entries) {
		t.Errorf("%d of %d entries were read: %v", count, len(entries), err)
	}
}

func TestTorchwoodReadsOurPrunedLog(t *testing.T) {
	const minimumIndex = 512
	c := startLogServer(t, []string{"--minimum-index", strconv.Itoa(minimumIndex)})
	entries, read := submitAndRead(t, c)
	if count, err := read(minimumIndex); err != nil || count != len(entries)-minimumIndex {
		t.Errorf("%d entries were read: %v", count, err)
	}
	if count, err := read(0); err == nil || count != 0 {
		t.Errorf("%d pruned entries were read", count)
	}
}
