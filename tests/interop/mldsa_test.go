package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/note"
)

// mldsaKey creates a private key of type 0x06.
func mldsaKey(t *testing.T, name string) (signer note.Signer, vkey string) {
	t.Helper()
	secret, vkey, err := formats.GenerateMLDSAKey(name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err = formats.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

// mldsaVerifier parses a public key of type 0x06.
func mldsaVerifier(t *testing.T, vkey string) note.Verifier {
	t.Helper()
	verifier, err := formats.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// A log of Tessera signs with ML-DSA-44, and our witness cosigns with it.
func TestOurMLDSAWitnessCosignsATesseraLog(t *testing.T) {
	signer, logKey := mldsaKey(t, "log.example/tessera")
	keys := t.TempDir()
	old, new := filepath.Join(keys, "old.key"), filepath.Join(keys, "new.key")
	keygen(t, "witness.example/ours", old, "--witness")
	vkey := keygen(t, "witness.example/ours", new, "--ml-dsa")
	root := serve(t, "witness", "--key", old, new, "--log", logKey, "--state", filepath.Join(keys, "state"))
	witness := tesseraWitness(t, vkey, root)
	folder := t.TempDir()
	appender, awaiter := tesseraLog(t, folder, signer, tessera.NewWitnessGroup(1, witness))
	for n := range 3 {
		future := appender.Add(t.Context(), tessera.NewEntry(fmt.Appendf(nil, "entry %d", n)))
		_, checkpoint, err := awaiter.Await(t.Context(), future)
		if err != nil {
			t.Fatal(err)
		}
		if !witness.Satisfied(checkpoint) {
			t.Fatalf("Tessera misses our cosignature:\n%s", checkpoint)
		}
	}
	trust := filepath.Join(keys, "trust.txt")
	lines := fmt.Sprintf("log %s\nwitness ours %s\nquorum ours\n", logKey, vkey)
	if err := os.WriteFile(trust, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	countersign(t, "check", folder, "--trust", trust)
}

// The other implementation verifies what our keys sign, and the program verifies its cosignatures.
func TestMLDSASignaturesAgree(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	origin := "log.example/interop"
	keygen(t, origin, in("log.key"))
	logKey := keygen(t, origin, in("log-ml-dsa.key"), "--ml-dsa")
	emitter := keygen(t, "example.com/app", in("app.key"))
	if err := os.WriteFile(in("events.ndjson"), []byte(`{"action":"user.login"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	countersign(t, "record", "--key", in("app.key"), "--origin", origin, in("events.ndjson"), "-o", in("app.ndjson"))
	countersign(t, "seal", "--log-key", in("log.key"), "--ml-dsa-key", in("log-ml-dsa.key"), in("app.ndjson"), "-o", in("audit.ndjson"))
	export, err := os.ReadFile(in("audit.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(export)), "\n")
	last := lines[len(lines)-1]
	// The checkpoint has no characters that JSON escapes, except line feeds.
	text := strings.TrimSuffix(strings.TrimPrefix(last, `{"checkpoint":"`), `"}`)
	text = strings.ReplaceAll(text, `\n`, "\n")
	opened, err := note.Open([]byte(text), note.VerifierList(mldsaVerifier(t, logKey)))
	if err != nil || len(opened.Sigs) != 1 {
		t.Fatalf("the log's ML-DSA-44 signature: %v\n%s", err, text)
	}

	cosigner, witnessKey := mldsaKey(t, "witness.example/theirs")
	signed, err := note.Sign(opened, cosigner)
	if err != nil {
		t.Fatal(err)
	}
	cosigned := `{"checkpoint":"` + strings.ReplaceAll(string(signed), "\n", `\n`) + `"}`
	if err := os.WriteFile(in("audit.ndjson"), []byte(strings.Replace(string(export), last, cosigned, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	trust := fmt.Sprintf("log %s\nemitter %s\nwitness w %s\nquorum w\n", logKey, emitter, witnessKey)
	if err := os.WriteFile(in("trust.txt"), []byte(trust), 0o600); err != nil {
		t.Fatal(err)
	}
	countersign(t, "verify", in("audit.ndjson"), "--trust", in("trust.txt"))
}
