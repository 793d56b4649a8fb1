package interop

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// openTree opens a checkpoint with the note package and parses the tree from its text.
func openTree(t *testing.T, c *logServer, checkpoint string) tlog.Tree {
	t.Helper()
	opened, err := note.Open([]byte(checkpoint), note.VerifierList(verifier(t, c.vkey)))
	if err != nil {
		t.Fatalf("%v:\n%s", err, checkpoint)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != c.origin {
		t.Fatalf("no checkpoint of %s: %q", c.origin, opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: root}
}

// tiles reads a log's tiles for the tlog package, whose own paths contain the tile's height.
type tiles struct {
	*logServer
}

func (tiles) Height() int { return 8 }

func (r tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path, ok := strings.CutPrefix(tile.Path(), "tile/8/")
		if !ok {
			return nil, fmt.Errorf("no tile of ours: %s", tile.Path())
		}
		bytes, err := r.get("tile/" + path)
		if err != nil {
			return nil, err
		}
		read[i] = bytes
	}
	return read, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// tlogProof is a parsed tlog-proof.
type tlogProof struct {
	index      int64
	hashes     tlog.RecordProof
	checkpoint string
}

func parseProof(t *testing.T, text string) tlogProof {
	t.Helper()
	head, checkpoint, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		t.Fatalf("no tlog-proof: %q", text)
	}
	parsed := tlogProof{checkpoint: checkpoint}
	if _, err := fmt.Sscanf(lines[1], "index %d", &parsed.index); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			t.Fatalf("no hash: %q", line)
		}
		parsed.hashes = append(parsed.hashes, tlog.Hash(hash))
	}
	return parsed
}

func TestNoteAndTlogTakeOurProofs(t *testing.T) {
	c := newLogServer(t)
	for _, events := range []int{1, 40, 300, 700} {
		s := c.submit(events)
		tree := openTree(t, c, s.answer.Checkpoint)
		index, text := s.last()
		proof := parseProof(t, text)
		if proof.index != index || openTree(t, c, proof.checkpoint) != tree {
			t.Fatalf("the proof is for another leaf or tree than the answer: %q", text)
		}
		leaf := s.leaves[len(s.leaves)-1]
		if err := tlog.CheckRecord(proof.hashes, tree.N, tree.Hash, index, tlog.RecordHash(leaf)); err != nil {
			t.Errorf("leaf %d of %d: %v", index, tree.N, err)
		}
		other := tlog.RecordHash(append(leaf, '!'))
		if err := tlog.CheckRecord(proof.hashes, tree.N, tree.Hash, index, other); err == nil {
			t.Errorf("another leaf than %d of %d passes too", index, tree.N)
		}
	}
}

func TestTlogReadsOurTiles(t *testing.T) {
	c := newLogServer(t)
	var trees []tlog.Tree
	var leaves [][]byte
	for _, events := range []int{3, 260, 650} {
		s := c.submit(events)
		trees = append(trees, openTree(t, c, s.answer.Checkpoint))
		leaves = append(leaves, s.leaves...)
	}
	newest := trees[len(trees)-1]
	if newest.N != int64(len(leaves)) {
		t.Fatalf("%d leaves were submitted, and the tree has %d", len(leaves), newest.N)
	}
	hashes := tlog.TileHashReader(newest, tiles{c})
	root, err := tlog.TreeHash(newest.N, hashes)
	if err != nil || root != newest.Hash {
		t.Fatalf("the tiles' root is %v, the checkpoint's %v (%v)", root, newest.Hash, err)
	}
	for index, leaf := range leaves {
		proof, err := tlog.ProveRecord(newest.N, int64(index), hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(proof, newest.N, newest.Hash, int64(index), tlog.RecordHash(leaf)); err != nil {
			t.Fatalf("leaf %d: %v", index, err)
		}
	}
	for _, older := range trees[:len(trees)-1] {
		proof, err := tlog.ProveTree(newest.N, older.N, hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(proof, newest.N, newest.Hash, older.N, older.Hash); err != nil {
			t.Errorf("from %d to %d: %v", older.N, newest.N, err)
		}
		if err := tlog.CheckTree(proof, newest.N, newest.Hash, older.N, newest.Hash); err == nil {
			t.Errorf("from another tree of %d to %d passes too", older.N, newest.N)
		}
	}
}
