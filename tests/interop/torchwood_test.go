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

func TestTorchwoodReadsOurEntries(t *testing.T) {
	c := newLogServer(t)
	leaves := c.submit(300).leaves
	s := c.submit(700)
	leaves = append(leaves, s.leaves...)
	policy := policy(t, "log "+c.vkey, "quorum none")
	checkpoint, _, err := torchwood.VerifyCheckpoint([]byte(s.answer.Checkpoint), policy)
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(c.url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for index, entry := range client.AllEntries(t.Context(), checkpoint.Tree, 0) {
		if index != int64(read) || !bytes.Equal(entry, leaves[read]) {
			t.Fatalf("entry %d is %q, not what was submitted", index, entry)
		}
		read++
	}
	if err := client.Err(); err != nil {
		t.Fatal(err)
	}
	if read != len(leaves) {
		t.Errorf("%d of %d entries were read", read, len(leaves))
	}
}

func TestTorchwoodReadsOurPrunedLog(t *testing.T) {
	const minimumIndex = 512
	c := startLogServer(t, []string{"--minimum-index", strconv.Itoa(minimumIndex)})
	leaves := c.submit(300).leaves
	s := c.submit(700)
	leaves = append(leaves, s.leaves...)
	policy := policy(t, "log "+c.vkey, "quorum none")
	checkpoint, _, err := torchwood.VerifyCheckpoint([]byte(s.answer.Checkpoint), policy)
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := torchwood.NewTileFetcher(c.url)
	if err != nil {
		t.Fatal(err)
	}
	read := func(begin int64) (int, error) {
		client, err := torchwood.NewClient(fetcher)
		if err != nil {
			t.Fatal(err)
		}
		next := begin
		for index, entry := range client.AllEntries(t.Context(), checkpoint.Tree, begin) {
			if index != next || !bytes.Equal(entry, leaves[index]) {
				t.Fatalf("entry %d is %q, not what was submitted", index, entry)
			}
			next++
		}
		return int(next - begin), client.Err()
	}
	if entries, err := read(minimumIndex); err != nil || entries != len(leaves)-minimumIndex {
		t.Errorf("%d entries were read: %v", entries, err)
	}
	if entries, err := read(0); err == nil || entries != 0 {
		t.Errorf("%d pruned entries were read", entries)
	}
}
