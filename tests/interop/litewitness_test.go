package interop

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// litewitness is torchwood's witness. Its key lives in an ssh-agent, its state in a database.
type litewitness struct {
	name     string
	vkey     string
	url      string
	database string
}

// newLitewitness runs litewitness until the test ends. It knows no log yet.
func newLitewitness(t *testing.T) *litewitness {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "litewitness")
	if built, err := exec.Command("go", "build", "-o", path, "filippo.io/torchwood/cmd/litewitness").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, built)
	}
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := torchwood.NewCosignatureSigner("witness.example/lite", secret)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(secret.Public())
	if err != nil {
		t.Fatal(err)
	}
	w := &litewitness{
		name:     cosigner.Name(),
		vkey:     cosigner.Verifier().String(),
		database: filepath.Join(folder, "witness.db"),
	}
	arguments := []string{
		"-name", w.name,
		"-db", w.database,
		"-ssh-agent", sshAgent(t, secret),
		"-key", ssh.FingerprintSHA256(public),
		"-listen",
	}
	// It doesn't report its port, so it gets a free one. Another program may have taken that in the meantime.
	for range 5 {
		free := freeAddress(t)
		w.url = "http://" + free
		if _, ok := start(t, regexp.MustCompile(`msg=listening`), path, append(arguments, free)...); ok && w.answers() {
			return w
		}
	}
	t.Fatal("litewitness does not listen")
	return nil
}

// answers waits until the witness, and no other program, responds at its address.
func (w *litewitness) answers() bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		response, err := http.Get(w.url)
		if err != nil {
			continue
		}
		page, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil && strings.Contains(html.UnescapeString(string(page)), w.vkey) {
			return true
		}
	}
	return false
}

// freeAddress returns a free address on loopback.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// sshAgent runs an ssh-agent with the key until the test ends and returns its socket.
func sshAgent(t *testing.T, secret ed25519.PrivateKey) string {
	t.Helper()
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: secret}); err != nil {
		t.Fatal(err)
	}
	// Every system limits the length of a socket's path.
	folder, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				_ = agent.ServeAgent(keyring, connection)
			}()
		}
	}()
	return socket
}

// watch makes the witness accept a log's checkpoints.
func (w *litewitness) watch(t *testing.T, origin, vkey string) {
	t.Helper()
	database, err := sqlite.OpenConn(w.database, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := &sqlitex.ExecOptions{Args: []any{origin, base64.StdEncoding.EncodeToString(empty[:])}}
	key := &sqlitex.ExecOptions{Args: []any{origin, vkey}}
	if err := errors.Join(
		sqlitex.Execute(database, "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", log),
		sqlitex.Execute(database, "INSERT INTO key (origin, key) VALUES (?, ?)", key),
	); err != nil {
		t.Fatal(err)
	}
}

func TestLitewitnessCosignsOurCheckpoints(t *testing.T) {
	w := newLitewitness(t)
	lines := []string{fmt.Sprintf("witness lite %s %s", w.vkey, w.url), "quorum lite"}
	c := newLogServer(t, func(vkey string) []string {
		w.watch(t, vkey[:strings.Index(vkey, "+")], vkey)
		return lines
	})
	policy := policy(t, append([]string{"log " + c.vkey}, lines...)...)

	var export strings.Builder
	for _, events := range []int{1, 300, 40} {
		s := c.submit(events)
		if export.Len() == 0 {
			fmt.Fprintln(&export, s.header)
		}
		for _, line := range s.lines {
			fmt.Fprintln(&export, line)
		}
		_, proof := s.last()
		leaf := tlog.RecordHash(s.leaves[len(s.leaves)-1])
		if err := torchwood.VerifyProof(policy, leaf, []byte(proof)); err != nil {
			t.Fatalf("torchwood does not count the cosignature: %v\n%s", err, proof)
		}
		c.verifyReceipt(proof, s.leaves[len(s.leaves)-1])
	}

	checkpoint, err := c.get("checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := json.Marshal(map[string]string{"checkpoint": string(checkpoint)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&export, "%s\n", cosigned)
	c.verifyExport(export.String())
}

// verifyReceipt verifies a receipt with countersign and the log's trust file.
func (c *logServer) verifyReceipt(proof string, leaf []byte) {
	c.t.Helper()
	folder := c.t.TempDir()
	receipt, leafFile := filepath.Join(folder, "receipt"), filepath.Join(folder, "leaf")
	err := errors.Join(os.WriteFile(receipt, []byte(proof), 0o600), os.WriteFile(leafFile, leaf, 0o600))
	if err != nil {
		c.t.Fatal(err)
	}
	countersign(c.t, "receipt", receipt, "--entry", leafFile, "--trust", c.trust)
}

// verifyExport verifies an export with countersign and the log's trust file, which requires the quorum of witnesses.
func (c *logServer) verifyExport(export string) {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "export.ndjson")
	if err := os.WriteFile(file, []byte(export), 0o600); err != nil {
		c.t.Fatal(err)
	}
	var report struct {
		Verdict string `json:"verdict"`
		Checks  map[string]struct {
			State string `json:"state"`
		} `json:"checks"`
	}
	text := countersign(c.t, "verify", file, "--trust", c.trust, "--json")
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		c.t.Fatal(err)
	}
	if report.Verdict != "verified" || report.Checks["witnesses"].State != "pass" {
		c.t.Errorf("the quorum is met, and the report says %s", text)
	}
}
