/** Tests the distribution of work among workers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerPool } from "../../packages/countersign/dist/rpc/worker-pool.js";

/** Fails a test with a promise that never settles. */
const BOUNDED = { timeout: 30_000 };

/** A worker whose jobs the test settles. */
class FakeWorker {
  readonly jobs: { resolve(): void; reject(reason: unknown): void }[] = [];

  readonly work = (): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.jobs.push({ resolve, reject });
    return promise;
  };
}

function growing(maxWorkers: number, busyLoad: number, maxLoad: number) {
  const started: FakeWorker[] = [];
  const start = () => {
    const worker = new FakeWorker();
    started.push(worker);
    return worker;
  };
  const pool = new WorkerPool<FakeWorker>({ maxLoad, growth: { start, maxWorkers, busyLoad } });
  return { pool, started, run: (load: number) => pool.run(load, (worker) => worker.work()) };
}

/** Returns true if a promise has settled, after running everything that is ready. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

const jobsOf = (workers: readonly FakeWorker[]) => workers.map(({ jobs }) => jobs.length);

test("WorkerPool: assigns a job to the least loaded worker", BOUNDED, async () => {
  const workers = [new FakeWorker(), new FakeWorker()];
  const pool = new WorkerPool<FakeWorker>({ workers, maxLoad: 100 });
  const run = (load: number) => pool.run(load, (worker) => worker.work());
  const first = run(10);
  void run(3);
  void run(3);
  assert.deepEqual(jobsOf(workers), [1, 2]);
  workers[0]?.jobs[0]?.resolve();
  await first;
  void run(1);
  assert.deepEqual(jobsOf(workers), [2, 2], "an ended job is no load");
});

test("WorkerPool: starts workers when all are busy, up to the limit", BOUNDED, () => {
  const { pool, started, run } = growing(2, 4, 100);
  assert.equal(started.length, 0, "no worker starts before the first job");
  void run(3);
  void run(3);
  assert.deepEqual(jobsOf(started), [2], "the first isn't busy yet");
  void run(1);
  assert.deepEqual(jobsOf(started), [2, 1]);
  for (let job = 0; job < 20; job += 1) {
    void run(4);
  }
  assert.equal(started.length, 2);
  assert.deepEqual([pool.workers, pool.capacity], [started, 200]);
});

test("WorkerPool: has room while one of its workers has room", BOUNDED, async () => {
  const { pool, started, run } = growing(2, 1, 8);
  await pool.room();
  void run(8);
  void run(7);
  await pool.room();
  void run(1);
  const room = pool.room();
  assert.equal(await hasSettled(room), false, "both are full");
  started[0]?.jobs[0]?.resolve();
  await room;
});

test("WorkerPool: released workers make room", BOUNDED, async () => {
  const { pool, started, run } = growing(1, 1, 8);
  const job = run(8);
  const room = pool.room();
  assert.equal(await hasSettled(room), false);
  assert.deepEqual(pool.release(), started);
  await room;
  void run(1);
  assert.deepEqual(jobsOf(started), [1, 1], "the next job starts another worker");
  started[0]?.jobs[0]?.resolve();
  await job;
});

test("WorkerPool: ends after a failing job", BOUNDED, async () => {
  const { pool, started, run } = growing(1, 1, 8);
  const failing = run(8);
  const room = pool.room();
  started[0]?.jobs[0]?.reject(new Error("it broke"));
  for (const promise of [failing, room]) {
    await assert.rejects(promise, { message: "it broke" });
  }
  for (const promise of [pool.room(), run(1)]) {
    await assert.rejects(promise, { message: "it broke" });
  }
  assert.deepEqual(jobsOf(started), [1], "no job runs after that");
});

test("WorkerPool: ends if a worker doesn't start", BOUNDED, async () => {
  const start = () => {
    throw new Error("no workers here");
  };
  const pool = new WorkerPool({ maxLoad: 8, growth: { start, maxWorkers: 1, busyLoad: 1 } });
  await assert.rejects(
    pool.run(1, async () => {}),
    { message: "no workers here" },
  );
  await assert.rejects(pool.room(), { message: "no workers here" });
});

test("WorkerPool: callers waiting for room get the first reason of its end", BOUNDED, async () => {
  const { pool, run } = growing(1, 1, 8);
  void run(8);
  const room = pool.room();
  pool.end(new Error("closed"));
  pool.end(new Error("closed again"));
  await assert.rejects(room, { message: "closed" });
  await assert.rejects(run(1), { message: "closed" });
});
