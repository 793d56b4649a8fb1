package interop

import (
	"bytes"
	"context"
	"net/url"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

func fetcher(t *testing.T, c *logServer) *client.HTTPFetcher {
	t.Helper()
	root, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fetcher
}

// leafHashes returns the RFC 6962 leaf hashes of a bundle's entries.
func leafHashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(entries.Entries))
	for i, entry := range entries.Entries {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf(entry)
	}
	return hashes, nil
}

func TestTesseraClientFollowsOurLog(t *testing.T) {
	c := newLogServer(t)
	leaves := c.submit(5).leaves
	ctx, fetch, key := t.Context(), fetcher(t, c), verifier(t, c.vkey)
	consensus := client.UnilateralConsensus(fetch.ReadCheckpoint)
	tracker, err := client.NewLogStateTracker(ctx, fetch.ReadTile, nil, key, c.origin, consensus)
	if err != nil {
		t.Fatal(err)
	}
	// The tracker checks each checkpoint against the one before it.
	for _, events := range []int{1, 300, 1000} {
		leaves = append(leaves, c.submit(events).leaves...)
		if _, _, _, err := tracker.Update(ctx); err != nil {
			t.Fatal(err)
		}
		if size := tracker.Latest().Size; size != uint64(len(leaves)) {
			t.Fatalf("the client saw %d of %d leaves", size, len(leaves))
		}
	}
	newest := tracker.Latest()
	proofs, err := client.NewProofBuilder(ctx, newest.Size, fetch.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	for index, leaf := range leaves {
		hashes, err := proofs.InclusionProof(ctx, uint64(index))
		if err != nil {
			t.Fatal(err)
		}
		hash := rfc6962.DefaultHasher.HashLeaf(leaf)
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), newest.Size, hash, hashes, newest.Hash)
		if err != nil {
			t.Fatalf("leaf %d: %v", index, err)
		}
	}
	for first := 0; first < len(leaves); first += 256 {
		bundle, err := client.GetEntryBundle(ctx, fetch.ReadEntryBundle, uint64(first/256), newest.Size)
		if err != nil {
			t.Fatal(err)
		}
		for i, entry := range bundle.Entries {
			if !bytes.Equal(entry, leaves[first+i]) {
				t.Fatalf("entry %d is not what was submitted", first+i)
			}
		}
	}
}

func TestTesseraFsckFindsOurLogWhole(t *testing.T) {
	c := newLogServer(t)
	for _, events := range []int{2, 510, 600} {
		c.submit(events)
		check := fsck.New(c.origin, verifier(t, c.vkey), fetcher(t, c), leafHashes, fsck.Opts{N: 2})
		if err := check.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// A worker that finds a problem ends, so others must be left for the rest of the work.
	corrupt := corruptEntries{fetcher(t, c)}
	check := fsck.New(c.origin, verifier(t, c.vkey), corrupt, leafHashes, fsck.Opts{N: 16})
	if err := check.Check(t.Context()); err == nil {
		t.Error("one bit of an entry differs, and fsck does not find it")
	}
}

// corruptEntries returns the log's entries with one bit flipped.
type corruptEntries struct {
	*client.HTTPFetcher
}

func (d corruptEntries) ReadEntryBundle(ctx context.Context, index uint64, width uint8) ([]byte, error) {
	bundle, err := d.HTTPFetcher.ReadEntryBundle(ctx, index, width)
	if err == nil && index == 1 {
		bundle[len(bundle)-1] ^= 1
	}
	return bundle, err
}
