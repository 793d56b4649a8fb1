package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

func TestOurMirrorCopiesATesseraLog(t *testing.T) {
	signer, logKey := tesseraKey(t)
	folder, log := t.TempDir(), t.TempDir()
	appender, awaiter := tesseraLog(t, log, signer, tessera.WitnessGroup{})
	key, trust, dir := filepath.Join(folder, "mirror.key"), filepath.Join(folder, "trust.txt"), filepath.Join(folder, "mirror")
	vkey := keygen(t, "mirror.example/ours", key, "--witness")
	if err := os.WriteFile(trust, []byte("log "+logKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	policy := policy(t, "log "+logKey, "witness ours "+vkey, "quorum ours")

	var size int64
	for _, entries := range []int{1, 3, 252, 1, 400} {
		var last tessera.IndexFuture
		for n := range entries {
			last = appender.Add(t.Context(), tessera.NewEntry(fmt.Appendf(nil, "entry %d of %d", n, entries)))
		}
		size += int64(entries)
		if _, _, err := awaiter.Await(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		countersign(t, "mirror", log, "--trust", trust, "--dir", dir, "--key", key, "--once")
		copies, err := filepath.Glob(filepath.Join(dir, "public", "*"))
		if err != nil || len(copies) != 1 {
			t.Fatalf("copies %v: %v", copies, err)
		}
		// Torchwood counts the mirror's cosignature, and Tessera's fsck finds the copy whole.
		checkpoint, err := os.ReadFile(filepath.Join(copies[0], "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		seen, _, err := torchwood.VerifyCheckpoint(checkpoint, policy)
		if err != nil {
			t.Fatalf("torchwood misses our cosignature: %v\n%s", err, checkpoint)
		}
		if seen.N != size {
			t.Fatalf("the copy has %d entries, not %d", seen.N, size)
		}
		fetch := client.FileFetcher{Root: copies[0]}
		check := fsck.New("log.example/tessera", verifier(t, logKey), fetch, leafHashes, fsck.Opts{N: 2})
		if err := check.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		// All files that both have are the same.
		for _, path := range []string{"tile/0/000", "tile/entries/000", "tile/entries/001"} {
			ours, err := os.ReadFile(filepath.Join(copies[0], path))
			if err != nil {
				continue
			}
			theirs, err := os.ReadFile(filepath.Join(log, path))
			if err != nil || !bytes.Equal(ours, theirs) {
				t.Fatalf("%s differs: %v", path, err)
			}
		}
	}
}
