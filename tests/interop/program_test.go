package interop

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"
)

// timeout is the maximum duration of any step. Tests that pass never wait for its end.
const timeout = time.Minute

// program returns the path of countersign.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("COUNTERSIGN")
	if path == "" {
		t.Fatal("COUNTERSIGN is not set to the path of the program: run `cargo xtask test interop`")
	}
	return path
}

// countersign runs the program to its end and returns its standard output.
func countersign(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, program(t), args...)
	command.Stderr = &stderr
	stdout, err := command.Output()
	if err != nil {
		t.Fatalf("countersign %v: %v\n%s%s", args, err, stdout, stderr.Bytes())
	}
	return string(stdout)
}

// output collects what a program prints.
type output struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (o *output) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines.WriteString(line + "\n")
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines.String()
}

// start runs a server until the test ends. It returns the first match of awaited in the lines of its standard error, and
// false if the program ended without one.
func start(t *testing.T, awaited *regexp.Regexp, path string, args ...string) (match string, ok bool) {
	t.Helper()
	command := exec.Command(path, args...)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	printed := new(output)
	found := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			printed.add(lines.Text())
			if match := awaited.FindString(lines.Text()); match != "" {
				select {
				case found <- match:
				default:
				}
			}
		}
		// Ignore the exit status: the program is interrupted in the middle of its work.
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(timeout):
			_ = command.Process.Kill()
			t.Errorf("%s did not end when it was interrupted", path)
			<-ended
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", path, printed)
		}
	})
	select {
	case match := <-found:
		return match, true
	case <-ended:
		return "", false
	case <-time.After(timeout):
		t.Fatalf("%s did not print %q:\n%s", path, awaited, printed)
		return "", false
	}
}

// address matches the address at which a countersign server reports that it listens.
var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// serve runs a countersign server until the test ends and returns its address.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	url, ok := start(t, address, program(t), append(args, "--listen", "127.0.0.1:0")...)
	if !ok {
		t.Fatalf("countersign %v ended at once", args)
	}
	return url
}
