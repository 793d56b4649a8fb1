// Program tessera lets emitters add leaves to a new Tessera POSIX log, the way emitters submit to a Countersign
// log: each adds a group of leaves, and the next group once a published checkpoint includes them all. It prints
// leaves per second, and the median and 99th percentile of the milliseconds from adding to the checkpoint.
//
// A leaf file contains, for each leaf, its length as two big-endian bytes followed by its bytes.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// minInterval is the shortest checkpoint interval that Tessera's POSIX log accepts.
const minInterval = 100 * time.Millisecond

// pollInterval is the interval at which the newest checkpoint is read.
const pollInterval = time.Millisecond

func main() {
	within := flag.String("within", "", "directory in which to create the log's temporary directory")
	size := flag.Int("size", 1, "number of leaves per group")
	batch := flag.Uint("batch", tessera.DefaultBatchMaxSize, "maximum number of leaves per batch")
	age := flag.Duration("age", tessera.DefaultBatchMaxAge, "maximum age of a batch")
	flag.Parse()
	// Discard Tessera's log output.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	if err := run(*within, *size, *batch, *age, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(within string, size int, batch uint, age time.Duration, files []string) error {
	var emitters [][]*tessera.Entry
	for _, file := range files {
		entries, err := read(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		emitters = append(emitters, entries)
	}
	folder, err := os.MkdirTemp(within, "tessera")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	secret, _, err := note.GenerateKey(nil, "log.example/bench")
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return err
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(minInterval).
		WithBatching(batch, age))
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, pollInterval)

	took := make([][]time.Duration, len(emitters))
	failed := make([]error, len(emitters))
	var working sync.WaitGroup
	start := time.Now()
	for i, entries := range emitters {
		working.Go(func() { took[i], failed[i] = add(ctx, appender, awaiter, entries, size) })
	}
	working.Wait()
	seconds := time.Since(start).Seconds()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if err := shutdown(ctx); err != nil {
		return err
	}
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	millis := func(place int) float64 { return all[place].Seconds() * 1e3 }
	fmt.Println(float64(len(all)*size)/seconds, millis(len(all)/2), millis(len(all)*99/100))
	return nil
}

// add adds an emitter's leaves in groups of the given size and returns the duration of each group.
func add(
	ctx context.Context, appender *tessera.Appender, awaiter *tessera.PublicationAwaiter,
	entries []*tessera.Entry, size int,
) ([]time.Duration, error) {
	var took []time.Duration
	for group := range slices.Chunk(entries, size) {
		start := time.Now()
		futures := make([]tessera.IndexFuture, len(group))
		for i, entry := range group {
			futures[i] = appender.Add(ctx, entry)
		}
		for _, future := range futures {
			if _, _, err := awaiter.Await(ctx, future); err != nil {
				return nil, err
			}
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

func read(file string) ([]*tessera.Entry, error) {
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var entries []*tessera.Entry
	for len(rest) > 0 {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return nil, errors.New("the last leaf is cut off")
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		entries = append(entries, tessera.NewEntry(rest[2:end]))
		rest = rest[end:]
	}
	return entries, nil
}
