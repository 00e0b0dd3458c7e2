// One measurement of River (https://riverqueue.com): river TUNING CELL JSON-OPTIONS
// Prints one line of JSON, as driver.mjs does. Producers and workers share the process, as they may
// in Go, which uses all cores.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"regexp"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const database = "bench_river"

type options struct {
	Clients, Batch, Jobs, Outstanding, Rate, Concurrency int
	Cap, Seconds, Window, WarmUp, HoldAfter, HoldFor     float64
	Hold                                                 string
}

// Email is a job of about 100 bytes; Due is when it should be sent, in nanoseconds.
type Email struct {
	Due     int64  `json:"t"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

func (Email) Kind() string { return "email" }

func email(due int64) Email {
	return Email{due, "someone@example.com", "hello", "lorem ipsum dolor"}
}

type worker struct {
	river.WorkerDefaults[Email]
	done      atomic.Int64
	last      atomic.Int64
	mutex     sync.Mutex
	latencies []float64
}

var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

func (w *worker) Work(_ context.Context, job *river.Job[Email]) error {
	at := now()
	if job.Args.Due > 0 {
		w.mutex.Lock()
		w.latencies = append(w.latencies, float64(at-job.Args.Due)/1e6)
		w.mutex.Unlock()
	}
	w.last.Store(now())
	w.done.Add(1)
	return nil
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect(ctx context.Context, size int) *pgxpool.Pool {
	config := must(pgxpool.ParseConfig("dbname=" + database))
	config.MaxConns = int32(size)
	return must(pgxpool.NewWithConfig(ctx, config))
}

func prepare(ctx context.Context) {
	admin := must(pgx.Connect(ctx, "dbname=postgres"))
	defer admin.Close(ctx)
	must(admin.Exec(ctx, "drop database if exists "+database+" with (force)"))
	must(admin.Exec(ctx, "create database "+database))
	pool := connect(ctx, 2)
	defer pool.Close()
	migrator := must(rivermigrate.New(riverpgxv5.New(pool), nil))
	must(migrator.Migrate(ctx, rivermigrate.DirectionUp, nil))
}

// "best": https://pkg.go.dev/github.com/riverqueue/river#Config
//
//	MaxWorkers         how many jobs are claimed at once, at most
//	FetchCooldown      the shortest time between two claims; 100 ms by default
//	FetchPollInterval  without a notification; 1 s by default
func config(tuning string, w *worker, concurrency int) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	made := &river.Config{
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: concurrency}},
		Workers: workers,
	}
	if tuning == "best" {
		made.Queues[river.QueueDefault] = river.QueueConfig{MaxWorkers: 2_000}
		made.FetchCooldown = 2 * time.Millisecond
		made.FetchPollInterval = 20 * time.Millisecond
	}
	return made
}

type client = river.Client[pgx.Tx]

func insert(ctx context.Context, c *client, count int) {
	if count == 1 {
		must(c.Insert(ctx, email(0), nil))
		return
	}
	jobs := make([]river.InsertManyParams, count)
	for i := range jobs {
		jobs[i].Args = email(0)
	}
	must(c.InsertManyFast(ctx, jobs))
}

func logPosition(ctx context.Context, pool *pgxpool.Pool) float64 {
	var at float64
	query := "select (pg_current_wal_insert_lsn() - '0/0')::float8"
	check(pool.QueryRow(ctx, query).Scan(&at))
	return at
}

func peakMemory() int {
	status := must(os.ReadFile("/proc/self/status"))
	found := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(status)
	return must(strconv.Atoi(string(found[1]))) * 1024
}

// together runs `count` loops and waits for all.
func together(count int, loop func()) {
	var group sync.WaitGroup
	for range count {
		group.Add(1)
		go func() { defer group.Done(); loop() }()
	}
	group.Wait()
}

type result = map[string]any

func enqueue(ctx context.Context, o options) result {
	pool := connect(ctx, min(o.Clients, 16))
	c := must(river.NewClient(riverpgxv5.New(pool), &river.Config{}))
	insert(ctx, c, o.Batch)
	log := logPosition(ctx, pool)
	var jobs atomic.Int64
	begin := time.Now()
	together(o.Clients, func() {
		for time.Since(begin).Seconds() < o.Seconds {
			insert(ctx, c, o.Batch)
			jobs.Add(int64(o.Batch))
		}
	})
	took := time.Since(begin).Seconds()
	count := float64(jobs.Load())
	written := math.Round((logPosition(ctx, pool) - log) / count)
	return result{"jobs": count, "seconds": took, "jobs_per_s": count / took, "wal_bytes_per_job": written}
}

func drain(ctx context.Context, tuning string, o options) result {
	pool := connect(ctx, 24)
	w := &worker{}
	c := must(river.NewClient(riverpgxv5.New(pool), config(tuning, w, o.Concurrency)))
	log := logPosition(ctx, pool)
	for sent := 0; sent < o.Jobs; sent += 1000 {
		insert(ctx, c, min(1000, o.Jobs-sent))
	}
	start := now()
	check(c.Start(ctx))
	for w.done.Load() < int64(o.Jobs) && float64(now()-start)/1e9 < o.Cap {
		time.Sleep(time.Millisecond)
	}
	done := float64(w.done.Load())
	if done == 0 {
		check(errors.New("no job was done"))
	}
	seconds := float64(w.last.Load()-start) / 1e9
	answer := result{"jobs": done, "seconds": seconds, "jobs_per_s": done / seconds}
	stop(c)
	answer["worker_peak_memory_bytes"] = peakMemory()
	if int(done) >= o.Jobs {
		answer["wal_bytes_per_job"] = math.Round((logPosition(ctx, pool) - log) / done)
	}
	return answer
}

func stop(c *client) {
	limited, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	_ = c.Stop(limited)
}

// hold keeps open what `djps bench continuous` does, from HoldAfter on for HoldFor.
func hold(ctx context.Context, o options, begin time.Time) result {
	until := func(seconds float64) { time.Sleep(time.Until(begin.Add(time.Duration(seconds * 1e9)))) }
	until(o.HoldAfter)
	held := must(pgx.Connect(ctx, "dbname="+database))
	level := ""
	if o.Hold == "snapshot" {
		level = " isolation level repeatable read"
	}
	must(held.Exec(ctx, "begin"+level))
	must(held.Exec(ctx, "select pg_current_xact_id()"))
	from := time.Since(begin).Seconds()
	until(o.HoldAfter + o.HoldFor)
	check(held.Close(ctx))
	return result{"held_from_s": from, "held_to_s": time.Since(begin).Seconds()}
}

// warmUp waits for the first finished job: what comes before it is no part of what is measured.
func warmUp(w *worker) {
	for end := time.Now().Add(20 * time.Second); w.done.Load() == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

func untilDone(w *worker, jobs int64) {
	for end := time.Now().Add(30 * time.Second); w.done.Load() < jobs; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			check(fmt.Errorf("only %d of %d jobs were done within 30 s", w.done.Load(), jobs))
		}
	}
}

func continuous(ctx context.Context, tuning string, o options) result {
	w := &worker{}
	c := must(river.NewClient(riverpgxv5.New(connect(ctx, 24)), config(tuning, w, o.Concurrency)))
	check(c.Start(ctx))
	var sent atomic.Int64
	var over atomic.Bool
	for range 2 {
		go func() {
			for !over.Load() {
				if sent.Load()-w.done.Load()+200 > int64(o.Outstanding) {
					time.Sleep(time.Millisecond)
					continue
				}
				sent.Add(200)
				insert(ctx, c, 200)
			}
		}()
	}
	warmUp(w)
	begin := time.Now()
	span := make(chan result, 1)
	if o.Hold == "" {
		span <- result{}
	} else {
		go func() { span <- hold(ctx, o, begin) }()
	}
	windows := []float64{}
	base := w.done.Load()
	before := base
	for i := 1.0; i*o.Window <= o.Seconds; i++ {
		time.Sleep(time.Until(begin.Add(time.Duration(i * o.Window * 1e9))))
		done := w.done.Load()
		windows = append(windows, float64(done-before)/o.Window)
		before = done
	}
	over.Store(true)
	stop(c)
	answer := result{"jobs": before - base, "jobs_per_s": float64(before-base) / o.Seconds,
		"began_at_unix_s": float64(begin.UnixNano()) / 1e9, "windows_jobs_per_s": windows,
		"worker_peak_memory_bytes": peakMemory()}
	for name, value := range <-span {
		answer[name] = value
	}
	return answer
}

func latency(ctx context.Context, tuning string, o options) result {
	w := &worker{}
	c := must(river.NewClient(riverpgxv5.New(connect(ctx, 24)), config(tuning, w, o.Concurrency)))
	check(c.Start(ctx))
	const warmed = 800
	insert(ctx, c, warmed)
	untilDone(w, warmed)
	begin := now()
	total := int64(float64(o.Rate) * (o.Seconds + o.WarmUp))
	var next atomic.Int64
	// Each takes the next place in the schedule; what is sent late counts from when it was due.
	together(16, func() {
		for {
			i := next.Add(1) - 1
			if i >= total {
				return
			}
			due := begin + i*int64(time.Second)/int64(o.Rate)
			time.Sleep(time.Duration(due - now()))
			if float64(i) < float64(o.Rate)*o.WarmUp {
				due = 0
			}
			must(c.Insert(ctx, email(due), nil))
		}
	})
	untilDone(w, warmed+total)
	stop(c)
	sort.Float64s(w.latencies)
	pickup := result{}
	for name, share := range map[string]float64{"p50": .5, "p90": .9, "p99": .99, "p99_9": .999, "max": 1} {
		if count := float64(len(w.latencies)); count > 0 {
			pickup[name] = w.latencies[int(math.Ceil(share*count))-1]
		}
	}
	return result{"jobs": total, "measured": len(w.latencies), "pickup_ms": pickup}
}

func main() {
	ctx := context.Background()
	tuning, cell := os.Args[1], os.Args[2]
	var o options
	check(json.Unmarshal([]byte(os.Args[3]), &o))
	prepare(ctx)
	var answer result
	switch cell {
	case "enqueue":
		answer = enqueue(ctx, o)
	case "drain":
		answer = drain(ctx, tuning, o)
	case "continuous":
		answer = continuous(ctx, tuning, o)
	case "latency":
		answer = latency(ctx, tuning, o)
	}
	fmt.Println(string(must(json.Marshal(answer))))
}
