package opentelemetry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// The collector's modules that sign and verify records are not on the module proxy, so these tests have their own
// implementation of SPEC section 19.2, on the collector's data model.

// TestCollectorReceivesSignedRecords feeds a collector with signed records, and verifies them as it received them.
func TestCollectorReceivesSignedRecords(t *testing.T) {
	const events = 12
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	export, trust := sealed(t, folder, events)
	key, certificate := signer(t, folder, "feed")
	certify(t, folder)
	out, endpoint := startCollector(t, folder)
	countersign(t, "feed", export, "--trust", trust, "--to", "otlp", "--destination", "otlp",
		"--address", "https://"+endpoint+"/v1/logs", "--ca", in("ca.pem"),
		"--client-certificate", in("client.pem"), "--client-key", in("client.key"), "--batch", "5",
		"--integrity-key", in("feed.key"), "--integrity-certificate", in("feed.pem"))
	for received := 0; received < events; {
		select {
		case logs := <-out:
			received += logs.LogRecordCount()
			verifyAll(t, logs, key.Public().(ed25519.PublicKey), certificate)
		case <-time.After(timeout):
			t.Fatalf("%d of %d records arrived", received, events)
		}
	}
}

// TestRecordVerifiesWhatACollectorSigned records signed logs that the collector's own marshaler wrote.
func TestRecordVerifiesWhatACollectorSigned(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	keygen(t, "app.example/api", in("app.key"))
	key, certificate := signer(t, folder, "collector")
	logs := sampleLogs()
	sign(t, logs, key, certificate)
	record := func(logs plog.Logs) (string, error) {
		t.Helper()
		text, err := new(plog.JSONMarshaler).MarshalLogs(logs)
		if err != nil {
			t.Fatal(err)
		}
		write(t, in("logs.json"), text)
		command := exec.CommandContext(t.Context(), program(), "record", in("logs.json"), "--key", in("app.key"),
			"--origin", "log.example/audit", "--integrity-certificate", in("collector.pem"))
		var stderr bytes.Buffer
		command.Stderr = &stderr
		stdout, err := command.Output()
		return string(stdout) + stderr.String(), err
	}
	output, err := record(logs)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	note := fmt.Sprintf("countersign.integrity.verified_with\",\"value\":{\"stringValue\":%q", certificate)
	if count := strings.Count(output, note); count != logs.LogRecordCount() {
		t.Fatalf("%d of %d records are noted as verified:\n%s", count, logs.LogRecordCount(), output)
	}
	for name, change := range map[string]func(plog.LogRecord){
		"body":      func(record plog.LogRecord) { record.Body().SetStr("kept") },
		"event":     func(record plog.LogRecord) { record.SetEventName("job.create") },
		"attribute": func(record plog.LogRecord) { record.Attributes().PutInt("int", 8) },
		"type":      func(record plog.LogRecord) { record.Attributes().PutStr("int", "7") },
		"time":      func(record plog.LogRecord) { record.SetTimestamp(record.Timestamp() + 1) },
		"span":      func(record plog.LogRecord) { record.SetSpanID([8]byte{1}) },
	} {
		altered := plog.NewLogs()
		logs.CopyTo(altered)
		change(altered.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1))
		if output, err := record(altered); err == nil || !strings.Contains(output, "event.integrity") {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
}

// sampleLogs returns records with every kind of value.
func sampleLogs() plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for nth := range 3 {
		record := records.AppendEmpty()
		record.SetTimestamp(pcommon.Timestamp(1714041600000000001 + nth))
		record.SetObservedTimestamp(pcommon.Timestamp(1714041600000000009))
		record.SetEventName("job.delete")
		record.SetSeverityNumber(plog.SeverityNumberInfo)
		record.Body().SetStr("deleted é \u2028 \"quoted\" <&>")
		record.SetTraceID([16]byte{0xab, 15: 1})
		record.SetSpanID([8]byte{0xcd, 7: 1})
		attributes := record.Attributes()
		attributes.PutStr("str", "x")
		attributes.PutInt("int", 7)
		attributes.PutInt("large", 1<<62+1)
		attributes.PutDouble("double", 1.5e-7)
		attributes.PutDouble("whole", 3)
		attributes.PutBool("bool", true)
		attributes.PutEmptyBytes("bytes").FromRaw([]byte{0xde, 0xad})
		attributes.PutEmptySlice("slice").AppendEmpty().SetInt(1)
		attributes.PutEmptyMap("map").PutStr("ké", "v")
	}
	return logs
}

// sign adds integrity attributes to every record.
func sign(t *testing.T, logs plog.Logs, key ed25519.PrivateKey, certificate string) {
	t.Helper()
	for r := range logs.ResourceLogs().Len() {
		resource := logs.ResourceLogs().At(r)
		resource.Resource().Attributes().PutStr("audit.integrity.algorithm", "EdDSA")
		resource.Resource().Attributes().PutStr("audit.integrity.certificate", certificate)
		eachRecord(resource, func(record plog.LogRecord) {
			value := base64.StdEncoding.EncodeToString(ed25519.Sign(key, payload(t, record)))
			record.Attributes().PutStr("audit.integrity.value", value)
		})
	}
}

// verifyAll verifies every record, and that it no longer verifies with another body.
func verifyAll(t *testing.T, logs plog.Logs, key ed25519.PublicKey, certificate string) {
	t.Helper()
	for r := range logs.ResourceLogs().Len() {
		resource := logs.ResourceLogs().At(r)
		attributes := resource.Resource().Attributes().AsRaw()
		if attributes["audit.integrity.algorithm"] != "EdDSA" || attributes["audit.integrity.certificate"] != certificate {
			t.Errorf("the resource has %v", attributes)
		}
		eachRecord(resource, func(record plog.LogRecord) {
			value, _ := record.Attributes().Get("audit.integrity.value")
			signature, err := base64.StdEncoding.DecodeString(value.AsString())
			if err != nil || !ed25519.Verify(key, payload(t, record), signature) {
				t.Errorf("the record does not verify: %s", payload(t, record))
			}
			record.Body().SetStr(record.Body().Str() + " ")
			if ed25519.Verify(key, payload(t, record), signature) {
				t.Error("an altered record verifies")
			}
		})
	}
}

func eachRecord(resource plog.ResourceLogs, do func(plog.LogRecord)) {
	for s := range resource.ScopeLogs().Len() {
		for _, record := range resource.ScopeLogs().At(s).LogRecords().All() {
			do(record)
		}
	}
}

// payload returns what the integrity value of a record covers, in canonical JSON.
func payload(t *testing.T, record plog.LogRecord) []byte {
	t.Helper()
	fields := map[string]any{}
	if record.EventName() != "" {
		fields["event_name"] = record.EventName()
	}
	if record.Body().Type() == pcommon.ValueTypeStr {
		fields["body"] = record.Body().Str()
	}
	for name, at := range map[string]pcommon.Timestamp{
		"timestamp": record.Timestamp(), "observed_timestamp": record.ObservedTimestamp(),
	} {
		if at != 0 {
			fields[name] = strconv.FormatUint(uint64(at), 10)
		}
	}
	if id := record.TraceID(); !id.IsEmpty() {
		fields["trace_id"] = hex.EncodeToString(id[:])
	}
	if id := record.SpanID(); !id.IsEmpty() {
		fields["span_id"] = hex.EncodeToString(id[:])
	}
	attributes := map[string]any{}
	for key, value := range record.Attributes().All() {
		if !strings.HasPrefix(key, "audit.integrity.") {
			attributes[key] = tagged(value)
		}
	}
	if len(attributes) > 0 {
		fields["attributes"] = attributes
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		t.Fatal(err)
	}
	return canonical
}

// tagged returns a scalar with the name of its type, and a list or map of such values.
func tagged(value pcommon.Value) any {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return map[string]any{"stringValue": value.Str()}
	case pcommon.ValueTypeInt:
		return map[string]any{"intValue": strconv.FormatInt(value.Int(), 10)}
	case pcommon.ValueTypeDouble:
		return map[string]any{"doubleValue": value.Double()}
	case pcommon.ValueTypeBool:
		return map[string]any{"boolValue": value.Bool()}
	case pcommon.ValueTypeBytes:
		return map[string]any{"bytesValue": base64.StdEncoding.EncodeToString(value.Bytes().AsRaw())}
	case pcommon.ValueTypeSlice:
		values := []any{}
		for _, one := range value.Slice().All() {
			values = append(values, tagged(one))
		}
		return values
	case pcommon.ValueTypeMap:
		values := map[string]any{}
		for key, one := range value.Map().All() {
			values[key] = tagged(one)
		}
		return values
	default:
		return nil
	}
}

// signer writes a key and its certificate, and returns the key and the certificate's reference.
func signer(t *testing.T, folder, name string) (ed25519.PrivateKey, string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	writeIdentity(t, folder, name, der, key)
	hash := sha256.Sum256(der)
	return key, "sha256:" + hex.EncodeToString(hash[:])
}
