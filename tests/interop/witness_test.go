package interop

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ourWitness runs `countersign witness` for a log until the test ends.
func ourWitness(t *testing.T, logKey string) (vkey, root string) {
	t.Helper()
	folder := t.TempDir()
	key := filepath.Join(folder, "witness.key")
	vkey = keygen(t, "witness.example/ours", key, "--witness")
	root = serve(t, "witness", "--key", key, "--log", logKey, "--state", filepath.Join(folder, "witness.state"))
	return vkey, root
}

// tesseraKey creates the key of a log of Tessera.
func tesseraKey(t *testing.T) (signer note.Signer, vkey string) {
	t.Helper()
	secret, vkey, err := note.GenerateKey(nil, "log.example/tessera")
	if err != nil {
		t.Fatal(err)
	}
	signer, err = note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

// tesseraWitness is Tessera's client of the witness at a URL.
func tesseraWitness(t *testing.T, vkey, root string) tessera.Witness {
	t.Helper()
	address, err := url.Parse(root)
	if err != nil {
		t.Fatal(err)
	}
	witness, err := tessera.NewWitness(vkey, address)
	if err != nil {
		t.Fatal(err)
	}
	return witness
}

// tesseraLog runs Tessera's POSIX log, which publishes only checkpoints that the witnesses cosigned, until the test ends.
func tesseraLog(t *testing.T, folder string, signer note.Signer, witnesses tessera.WitnessGroup) (
	*tessera.Appender, *tessera.PublicationAwaiter,
) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(256, time.Millisecond).
		WithWitnesses(witnesses, &tessera.WitnessOptions{Timeout: timeout})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return appender, tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 10*time.Millisecond)
}

func TestOurWitnessCosignsATesseraLog(t *testing.T) {
	signer, logKey := tesseraKey(t)
	vkey, root := ourWitness(t, logKey)
	witness := tesseraWitness(t, vkey, root)
	folder := t.TempDir()
	appender, awaiter := tesseraLog(t, folder, signer, tessera.NewWitnessGroup(1, witness))
	policy := policy(t, "log "+logKey, fmt.Sprintf("witness ours %s %s", vkey, root), "quorum ours")

	var size int64
	for _, entries := range []int{1, 3, 400} {
		var last tessera.IndexFuture
		for n := range entries {
			last = appender.Add(t.Context(), tessera.NewEntry(fmt.Appendf(nil, "entry %d of %d", n, entries)))
		}
		size += int64(entries)
		_, checkpoint, err := awaiter.Await(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		// Tessera and torchwood both count the cosignature, each with its own parser.
		if !witness.Satisfied(checkpoint) {
			t.Fatalf("Tessera misses our cosignature:\n%s", checkpoint)
		}
		seen, _, err := torchwood.VerifyCheckpoint(checkpoint, policy)
		if err != nil {
			t.Fatalf("torchwood misses our cosignature: %v\n%s", err, checkpoint)
		}
		if seen.N != size {
			t.Fatalf("the checkpoint is of %d leaves, not %d", seen.N, size)
		}
	}

	// countersign checks Tessera's log in its folder.
	countersign(t, "check", folder, "--vkey", logKey)
}

func TestOurWitnessRefusesAForkOfATesseraLog(t *testing.T) {
	signer, logKey := tesseraKey(t)
	_, root := ourWitness(t, logKey)
	for _, ask := range []struct {
		entry  string
		status int
	}{
		{"the truth", http.StatusOK},
		{"another truth", http.StatusConflict},
	} {
		leaf := tlog.RecordHash([]byte(ask.entry))
		text := fmt.Sprintf("log.example/tessera\n1\n%s\n", leaf)
		checkpoint, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		request := append([]byte("old 0\n\n"), checkpoint...)
		response, err := http.Post(root+"/add-checkpoint", "", bytes.NewReader(request))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != ask.status {
			t.Errorf("%q is answered with %s, not %d", ask.entry, response.Status, ask.status)
		}
	}
}
