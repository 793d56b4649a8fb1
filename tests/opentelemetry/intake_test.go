package opentelemetry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// TestOpenTelemetryCollectorSendsToALog sends records through an OpenTelemetry Collector, with the configuration in the
// documentation, to a log server, and verifies that each of them is an event that the log server signed.
func TestOpenTelemetryCollectorSendsToALog(t *testing.T) {
	const events = 50
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	vkey := keygen(t, "log.example/otlp", in("otlp.key"))
	url := startLog(t, folder, vkey)
	token := func(name, right string) string {
		return strings.TrimSpace(countersign(t, "token", "add", name, "--dir", in("log"), "--right", right))
	}
	endpoint := startSender(t, url, token("payments", "record"))

	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "payments-api")
	resource.Resource().Attributes().PutStr("service.version", "2.1")
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for nth := range events {
		record := records.AppendEmpty()
		record.SetEventName("job.delete")
		record.SetTimestamp(1772366400250000000)
		record.Attributes().PutStr("user.id", fmt.Sprintf("u_%d", nth))
		record.Attributes().PutEmptyBytes("digest").FromRaw([]byte{1, 2, 255})
		record.Attributes().PutEmptyMap("change").PutEmptySlice("roles").AppendEmpty().SetStr("admin")
		record.Body().SetStr("deleted")
	}
	request, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		// The second request is a retry.
		post(t, "http://"+endpoint+"/v1/logs", request)
	}

	write(t, in("auditor.token"), []byte(token("auditor", "read")))
	export := in("audit.ndjson")
	deadline := time.Now().Add(timeout)
	for {
		countersign(t, "export", "--dir", url, "--token-file", in("auditor.token"), "-o", export)
		if found := len(recorded(t, export)); found >= events {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d of %d records arrived", found, events)
		}
		os.Remove(export)
		time.Sleep(100 * time.Millisecond)
	}
	var report struct {
		Verdict string
	}
	if err := json.Unmarshal([]byte(countersign(t, "verify", export, "--trust", in("trust.txt"), "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Verdict != "verified" {
		t.Errorf("the verdict is %s", report.Verdict)
	}
	found := recorded(t, export)
	for nth := range events {
		event, ok := found[fmt.Sprintf("u_%d", nth)]
		if !ok {
			t.Fatalf("u_%d is missing", nth)
		}
		metadata := event.Metadata
		if event.Action != "job.delete" || event.OccurredAt != "2026-03-01T12:00:00.250Z" || metadata.Body != "deleted" ||
			metadata.Digest != "AQL/" || metadata.Change.Roles[0] != "admin" || metadata.Service.Name != "payments-api" ||
			metadata.Service.Version != "2.1" || metadata.RecordedBy.Sender != "payments" || metadata.RecordedBy.Protocol != "otlp" {
			t.Errorf("%+v", event)
		}
	}
	if shown := countersign(t, "show", export, "--trust", in("trust.txt"), "--query", "actor:u_7"); !strings.Contains(shown, "log.example/otlp") {
		t.Errorf("the signer is not shown:\n%s", shown)
	}
}

// event has the parts of an event that the test compares.
type event struct {
	Action     string
	OccurredAt string `json:"occurred_at"`
	Actor      struct{ ID string }
	Metadata   struct {
		Body, Digest string
		Change       struct{ Roles []string }
		Service      struct{ Name, Version string }
		RecordedBy   struct{ Protocol, Sender string } `json:"recorded_by"`
	}
}

// recorded returns the events of an export by their actor, and fails if an actor has two.
func recorded(t *testing.T, export string) map[string]event {
	t.Helper()
	text, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]event{}
	for text := range strings.Lines(string(text)) {
		var line struct{ Event *event }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Event == nil || line.Event.Actor.ID == "" {
			continue
		}
		if _, twice := found[line.Event.Actor.ID]; twice {
			t.Fatalf("%s twice", line.Event.Actor.ID)
		}
		found[line.Event.Actor.ID] = *line.Event
	}
	return found
}

// startLog runs a log server until the test ends. It returns its address.
func startLog(t *testing.T, folder, vkey string) string {
	t.Helper()
	in := func(name string) string { return filepath.Join(folder, name) }
	log := keygen(t, "log.example/audit", in("log.key"))
	write(t, in("trust.txt"), fmt.Appendf(nil, "log %s\nemitter %s\nemitter %s\n", log, log, vkey))
	command := exec.Command(program(), "serve", "--dir", in("log"), "--key", in("log.key"),
		"--trust", in("trust.txt"), "--listen", "127.0.0.1:0", "--otlp", in("otlp.key"))
	command.Env = append(os.Environ(), "NO_COLOR=1")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	address := make(chan string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if _, url, listens := strings.Cut(lines.Text(), " listens on "); listens {
				address <- strings.TrimSpace(url)
			}
		}
	}()
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		<-ended
		if err := command.Wait(); err != nil {
			t.Errorf("the log server: %v", err)
		}
	})
	select {
	case url := <-address:
		return url
	case <-ended:
		t.Fatal("the log server ended")
	case <-time.After(timeout):
		t.Fatal("the log server doesn't listen")
	}
	return ""
}

// startSender runs a collector with the configuration in the documentation, which sends to a log server, until the test
// ends. It returns its endpoint.
func startSender(t *testing.T, url, token string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/otlp-intake.md")
	if err != nil {
		t.Fatal(err)
	}
	_, config, ok := strings.Cut(string(text), "```yaml\n")
	config, _, closed := strings.Cut(config, "\n```")
	if !ok || !closed {
		t.Fatal("the documentation has no configuration")
	}
	endpoint := freeAddress(t)
	for _, replaced := range [][2]string{
		{"127.0.0.1:4318", endpoint},
		{"https://log.example/v1/logs", url + "/v1/logs"},
		{"${env:COUNTERSIGN_TOKEN}", token},
		{"service:\n", "service:\n  telemetry:\n    logs: {level: error}\n    metrics: {level: none}\n"},
	} {
		if !strings.Contains(config, replaced[0]) {
			t.Fatalf("the configuration lacks %q", replaced[0])
		}
		config = strings.Replace(config, replaced[0], replaced[1], 1)
	}
	runCollector(t, config, otlphttpexporter.NewFactory())
	return endpoint
}

// post sends a request to a collector, until the collector listens.
func post(t *testing.T, url string, body []byte) {
	t.Helper()
	for deadline := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Post(url, "application/x-protobuf", bytes.NewReader(body))
		if err == nil {
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Fatalf("the collector answered %s", response.Status)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
