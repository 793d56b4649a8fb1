package interop

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// logServer is a running countersign log, and an emitter that may write to it.
type logServer struct {
	t       *testing.T
	origin  string
	vkey    string
	url     string
	folder  string
	trust   string
	emitter string
}

// submission has the submitted lines and the log's response.
type submission struct {
	// header is the first line of an export of these lines.
	header string
	lines  []string
	leaves [][]byte
	answer answer
}

// answer is the response to POST /submit.
type answer struct {
	Checkpoint string `json:"checkpoint"`
	Chains     map[string]struct {
		Seq   int64  `json:"seq"`
		Index int64  `json:"index"`
		Proof string `json:"proof"`
	} `json:"chains"`
	Added int `json:"added"`
}

// newLogServer creates a log and serves it until the test ends. The functions in more return further lines of the trust
// file, given the log's public key.
func newLogServer(t *testing.T, more ...func(vkey string) []string) *logServer {
	t.Helper()
	return startLogServer(t, nil, more...)
}

// startLogServer is newLogServer with further options of the server.
func startLogServer(t *testing.T, options []string, more ...func(vkey string) []string) *logServer {
	t.Helper()
	folder := t.TempDir()
	c := &logServer{
		t:       t,
		origin:  "log.example/interop",
		folder:  folder,
		trust:   filepath.Join(folder, "trust.txt"),
		emitter: filepath.Join(folder, "app.key"),
	}
	logKey := filepath.Join(folder, "log.key")
	c.vkey = keygen(t, c.origin, logKey)
	emitter := keygen(t, "example.com/app", c.emitter)
	trust := []string{"log " + c.vkey, "emitter " + emitter}
	for _, lines := range more {
		trust = append(trust, lines(c.vkey)...)
	}
	if err := os.WriteFile(c.trust, []byte(strings.Join(trust, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--dir", filepath.Join(folder, "log"), "--key", logKey, "--trust", c.trust}
	c.url = serve(t, append(args, options...)...)
	return c
}

// keygen creates a key in a new file and returns its public key.
func keygen(t *testing.T, name, file string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(countersign(t, append([]string{"keygen", name, "--out", file}, args...)...))
}

// submit records this number of events as a chain and submits it. The chain has two more links: its open and close links.
func (c *logServer) submit(events int) submission {
	c.t.Helper()
	var text strings.Builder
	for n := range events {
		fmt.Fprintf(&text, `{"action":"user.login","actor":{"id":"u_%d"},"outcome":"success","n":%d}`+"\n", n%7, n)
	}
	file := filepath.Join(c.t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	export := countersign(c.t, "record", "--key", c.emitter, "--origin", c.origin, file)
	header, body, _ := strings.Cut(export, "\n")
	s := submission{header: header, lines: strings.Split(strings.TrimRight(body, "\n"), "\n")}
	for _, line := range s.lines {
		var parsed struct {
			Link string `json:"link"`
		}
		if err := json.Unmarshal([]byte(line), &parsed); err != nil || parsed.Link == "" {
			c.t.Fatalf("no link: %q: %v", line, err)
		}
		s.leaves = append(s.leaves, []byte(parsed.Link))
	}
	if len(s.leaves) != events+2 {
		c.t.Fatalf("%d events became %d links", events, len(s.leaves))
	}
	response, err := http.Post(c.url+"/submit", "application/x-ndjson", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	bytes, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("the response to the submission is %s: %s (%v)", response.Status, bytes, err)
	}
	if err := json.Unmarshal(bytes, &s.answer); err != nil {
		c.t.Fatal(err)
	}
	if s.answer.Added != len(s.leaves) || len(s.answer.Chains) != 1 {
		c.t.Fatalf("%d leaves of one chain were submitted, but the response is %s", len(s.leaves), bytes)
	}
	return s
}

// last returns the index and the tlog-proof of the submission's last leaf.
func (s submission) last() (index int64, proof string) {
	for _, tip := range s.answer.Chains {
		return tip.Index, tip.Proof
	}
	return -1, ""
}

// verifier parses a public key with the package of Go's checksum database.
func verifier(t *testing.T, vkey string) note.Verifier {
	t.Helper()
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// get returns the resource at a path of the log.
func (c *logServer) get(path string) ([]byte, error) {
	response, err := http.Get(c.url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}
