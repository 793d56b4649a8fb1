// Package opentelemetry feeds an OpenTelemetry Collector, sends from one to a log server, and verifies what is signed on the
// way. It is a separate module, because the collector needs other versions of packages than tests/interop does. Run it with
// COUNTERSIGN=target/debug/countersign go test ./...
package opentelemetry

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// TestOpenTelemetryCollectorTakesAFeed runs an OpenTelemetry Collector that accepts logs from clients with a
// certificate, feeds it, and compares its output with the records that countersign prints.
func TestOpenTelemetryCollectorTakesAFeed(t *testing.T) {
	const events = 25
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	export, trust := sealed(t, folder, events)
	feed := []string{"feed", export, "--trust", trust, "--to", "otlp"}

	certify(t, folder)
	out, endpoint := startCollector(t, folder)
	countersign(t, append(feed, "--destination", "otlp", "--address", "https://"+endpoint+"/v1/logs",
		"--ca", in("ca.pem"), "--client-certificate", in("client.pem"), "--client-key", in("client.key"),
		"--batch", "10", "--gzip")...)

	expected := map[string]string{}
	for line := range strings.Lines(countersign(t, feed...)) {
		logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(line))
		if err != nil {
			t.Fatalf("our own line: %v", err)
		}
		add(t, expected, logs)
	}
	if len(expected) != events {
		t.Fatalf("%d records are printed", len(expected))
	}
	received := map[string]string{}
	for len(received) < events {
		select {
		case logs := <-out:
			add(t, received, logs)
		case <-time.After(timeout):
			t.Fatalf("%d of %d records arrived", len(received), events)
		}
	}
	for id, record := range expected {
		if received[id] != record {
			t.Errorf("%s arrived as\n%s\nand was sent as\n%s", id, received[id], record)
		}
	}
}

// add puts each record into the map by its ID.
func add(t *testing.T, records map[string]string, logs plog.Logs) {
	t.Helper()
	for r := range logs.ResourceLogs().Len() {
		resource := logs.ResourceLogs().At(r)
		for s := range resource.ScopeLogs().Len() {
			scope := resource.ScopeLogs().At(s).LogRecords()
			for n := range scope.Len() {
				record := scope.At(n)
				id, ok := record.Attributes().Get("log.record.uid")
				if !ok {
					t.Fatal("a record without an id")
				}
				if _, twice := records[id.AsString()]; twice {
					t.Fatalf("%s twice", id.AsString())
				}
				if record.Timestamp() == 0 || record.SeverityNumber() == plog.SeverityNumberUnspecified {
					t.Errorf("%s has no time or no severity", id.AsString())
				}
				alone := plog.NewLogs()
				own := alone.ResourceLogs().AppendEmpty()
				resource.Resource().CopyTo(own.Resource())
				record.CopyTo(own.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
				text, err := new(plog.JSONMarshaler).MarshalLogs(alone)
				if err != nil {
					t.Fatal(err)
				}
				records[id.AsString()] = string(text)
			}
		}
	}
}

// sealed writes an export of this number of events and its trust file.
func sealed(t *testing.T, folder string, events int) (export, trust string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(folder, name) }
	const origin = "log.example/feed"
	log := keygen(t, origin, in("log.key"))
	emitter := keygen(t, "app.example/api", in("app.key"))
	var lines bytes.Buffer
	for nth := range events {
		fmt.Fprintf(&lines, `{"action":"job.update","actor":{"type":"user","id":"u_%d"},"outcome":%q,"n":%d}`+"\n",
			nth%4, []string{"success", "failure"}[nth%2], nth)
	}
	write(t, in("events.ndjson"), lines.Bytes())
	write(t, in("trust.txt"), fmt.Appendf(nil, "log %s\nemitter %s\n", log, emitter))
	countersign(t, "record", in("events.ndjson"), "--key", in("app.key"), "--origin", origin, "-o", in("chain.ndjson"))
	countersign(t, "seal", in("chain.ndjson"), "--log-key", in("log.key"), "--trust", in("trust.txt"), "-o", in("audit.ndjson"))
	return in("audit.ndjson"), in("trust.txt")
}

// startCollector runs a collector until the test ends. It returns what the collector exports, and its endpoint for OTLP
// over HTTPS.
func startCollector(t *testing.T, folder string) (out <-chan plog.Logs, endpoint string) {
	t.Helper()
	exported := make(chan plog.Logs, 100)
	hands := exporter.NewFactory(
		component.MustNewType("hands"),
		func() component.Config { return &struct{}{} },
		exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
			logs, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
				exported <- logs
				return nil
			})
			return struct {
				component.StartFunc
				component.ShutdownFunc
				consumer.Logs
			}{Logs: logs}, err
		}, component.StabilityLevelStable),
	)
	endpoint = freeAddress(t)
	config := fmt.Sprintf(`
receivers:
  otlp:
    protocols:
      http:
        endpoint: %[1]s
        tls:
          cert_file: %[2]s/server.pem
          key_file: %[2]s/server.key
          client_ca_file: %[2]s/ca.pem
exporters:
  hands:
service:
  telemetry:
    logs: {level: error}
    metrics: {level: none}
  pipelines:
    logs: {receivers: [otlp], exporters: [hands]}
`, endpoint, folder)
	runCollector(t, config, hands)
	return exported, endpoint
}

// runCollector runs a collector with the OTLP receiver, this exporter, and a configuration in YAML, until the test ends.
func runCollector(t *testing.T, config string, out exporter.Factory) {
	t.Helper()
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.NewDefaultBuildInfo(),
		Factories: func() (otelcol.Factories, error) {
			in := otlpreceiver.NewFactory()
			return otelcol.Factories{
				Telemetry: otelconftelemetry.NewFactory(),
				Receivers: map[component.Type]receiver.Factory{in.Type(): in},
				Exporters: map[component.Type]exporter.Factory{out.Type(): out},
			}, nil
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"yaml:" + config},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
		DisableGracefulShutdown: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- collector.Run(context.Background()) }()
	t.Cleanup(func() {
		collector.Shutdown()
		if err := <-ended; err != nil {
			t.Errorf("the collector: %v", err)
		}
	})
}

// certify writes an authority, and its certificates for a server and for a client, each with its key.
func certify(t *testing.T, folder string) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	var signer *ecdsa.PrivateKey
	for nth, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		certificate := authority
		if signer == nil {
			signer = key
		} else {
			certificate = &x509.Certificate{
				SerialNumber: big.NewInt(int64(nth) + 1),
				Subject:      pkix.Name{CommonName: name},
				IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
				NotBefore:    authority.NotBefore,
				NotAfter:     authority.NotAfter,
				KeyUsage:     x509.KeyUsageDigitalSignature,
				ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			}
		}
		der, err := x509.CreateCertificate(rand.Reader, certificate, authority, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		writeIdentity(t, folder, name, der, key)
	}
}

// writeIdentity writes a certificate and its private key.
func writeIdentity(t *testing.T, folder, name string, certificate []byte, key any) {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	write(t, filepath.Join(folder, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// write writes a file that only its owner can read.
func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// timeout is the maximum duration of any step.
const timeout = time.Minute

// countersign runs the program to its end and returns its standard output.
func countersign(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, program(), args...)
	command.Stderr = &stderr
	stdout, err := command.Output()
	if err != nil {
		t.Fatalf("countersign %v: %v\n%s%s", args, err, stdout, stderr.Bytes())
	}
	return string(stdout)
}

// program returns the path of the program under test.
func program() string {
	return os.Getenv("COUNTERSIGN")
}

// keygen creates a key in a new file and returns its public key.
func keygen(t *testing.T, name, file string) string {
	t.Helper()
	return strings.TrimSpace(countersign(t, "keygen", name, "--out", file))
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
