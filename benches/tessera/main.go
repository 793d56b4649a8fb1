// Program tessera has emitters add leaves to a new POSIX log of Tessera, in the shape in which emitters submit to a
// log of ours: each has so many leaves under way, and adds the next when a published checkpoint holds them all. It prints
// leaves a second, and the median and the 99th hundredth of the milliseconds from adding to the checkpoint.
//
// A leaf file has for each leaf its length in two bytes, the most significant first, and its bytes.
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

// shortestInterval is the shortest time between two checkpoints that Tessera's POSIX log takes.
const shortestInterval = 100 * time.Millisecond

// glance is how often the newest checkpoint is looked at.
const glance = time.Millisecond

func main() {
	within := flag.String("within", "", "where the log is to be, in a folder that is removed again")
	size := flag.Int("size", 1, "the leaves that each emitter has under way")
	batch := flag.Uint("batch", tessera.DefaultBatchMaxSize, "the most leaves of a batch")
	age := flag.Duration("age", tessera.DefaultBatchMaxAge, "the greatest age of a batch")
	flag.Parse()
	// What it says about its work is of no interest here.
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
		WithCheckpointInterval(shortestInterval).
		WithBatching(batch, age))
	if err != nil {
		return err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, glance)

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

// add adds an emitter's leaves, size of them at a time, and gives how long each time took.
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
