/** Tests the outbox in a file. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  watch,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import { fileTransport } from "../../packages/countersign/dist/transport/file.node.js";
import { Child, RUNTIMES, type Runtime } from "../runtimes.ts";
import { cases, entry, texts } from "./conformance.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-outbox-"));
after(() => rmSync(folder, { recursive: true }));
let paths = 0;
const fresh = () => join(folder, `${paths++}.outbox`);
const runtimes = Object.keys(RUNTIMES) as Runtime[];
const child = (runtime: Runtime, ...args: string[]) => new Child(runtime, new URL("child.ts", import.meta.url), args);

/** Returns the entries of a file. */
async function contents(path: string): Promise<string[]> {
  const outbox = fileOutbox(path);
  const entries = await outbox.open();
  await outbox.close();
  return texts(entries);
}

/** Returns the IDs in a child's output: `ID/LAST`, with the last ID of the change. */
function idsOf(texts: readonly string[]): number[] {
  return texts.map((text) => Number(text.split("/")[0]));
}

async function error(
  work: () => Promise<unknown>,
): Promise<{ code: string; message: string; hint: string; line?: number }> {
  return work().then(
    () => assert.fail("the call succeeded"),
    (error) => error,
  );
}

for (const [name, run] of Object.entries(cases)) {
  test(`fileOutbox: ${name}`, () => {
    const path = fresh();
    return run(() => fileOutbox(path), { shared: false });
  });
}

test("fileOutbox: the file is private, and nothing else stays in the folder", async () => {
  const inner = join(folder, "alone");
  mkdirSync(inner);
  const path = join(inner, "audit.outbox");
  const outbox = fileOutbox(path);
  await outbox.open();
  await outbox.write({ put: [entry(1, "a")], remove: [] });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await outbox.close();
  assert.deepEqual(readdirSync(inner), ["audit.outbox"]);
});

test("fileOutbox: the file stays small", async () => {
  const path = fresh();
  const outbox = fileOutbox(path);
  await outbox.open();
  const text = "x".repeat(40_000);
  await outbox.write({ put: [entry(1, "first")], remove: [] });
  for (let id = 2; id < 200; id += 1) {
    await outbox.write({ put: [entry(id, text)], remove: id > 2 ? [id - 1] : [] });
    assert.ok(statSync(path).size < 1_200_000);
  }
  await outbox.close();
  assert.deepEqual(await contents(path), ["first", text]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("fileOutbox: a change cut off anywhere is dropped, and all earlier ones are kept", async () => {
  const path = fresh();
  const outbox = fileOutbox(path);
  await outbox.open();
  await outbox.write({ put: [entry(1, "a"), entry(2, "b")], remove: [] });
  const before = readFileSync(path);
  await outbox.write({ put: [entry(3, "c")], remove: [1] });
  await outbox.close();
  const whole = readFileSync(path);
  for (let size = 0; size <= whole.length; size += 1) {
    for (const zeros of [0, 1, 10, whole.length - size]) {
      // Allocated blocks that were not written read as zeros.
      writeFileSync(path, Buffer.concat([whole.subarray(0, size), Buffer.alloc(zeros)]));
      const expected = size === whole.length ? ["b", "c"] : size >= before.length ? ["a", "b"] : undefined;
      if (expected !== undefined) {
        assert.deepEqual(await contents(path), expected, `${size} bytes and ${zeros} zeros`);
      }
    }
  }
  // A block within the last line did not reach the disk, while its end did.
  writeFileSync(path, whole.fill(0, before.length + 20, before.length + 30));
  assert.deepEqual(await contents(path), ["a", "b"]);
  // A dropped change doesn't return with later writes.
  const again = fileOutbox(path);
  await again.open();
  await again.write({ put: [entry(9, "d")], remove: [] });
  await again.close();
  assert.deepEqual(await contents(path), ["a", "b", "d"]);
});

test("fileOutbox: an interrupted creation leaves no outbox", async () => {
  const path = fresh();
  const outbox = fileOutbox(path);
  await outbox.open();
  await outbox.close();
  const header = readFileSync(path);
  for (let size = 0; size <= header.length; size += 1) {
    writeFileSync(path, header.subarray(0, size));
    assert.deepEqual(await contents(path), []);
    writeFileSync(path, Buffer.alloc(size));
    assert.deepEqual(await contents(path), []);
  }
});

test("fileOutbox: reports damage with its line, and leaves the file unchanged", async () => {
  const path = fresh();
  const outbox = fileOutbox(path);
  await outbox.open();
  for (let id = 1; id <= 4; id += 1) {
    await outbox.write({ put: [entry(id, `entry ${id}`)], remove: [] });
  }
  await outbox.close();
  const whole = readFileSync(path);
  const lines = whole.toString().split(/(?<=\n)/);
  const flip = (at: number) => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8((bytes.at(at) ?? 0) ^ 1, at);
    return bytes;
  };
  const damaged: [string, Buffer, number][] = [
    ["a line is missing", Buffer.from(lines.toSpliced(2, 1).join("")), 3],
    ["the first line is missing", Buffer.from(lines.toSpliced(1, 1).join("")), 2],
    ["two lines changed places", Buffer.from([0, 1, 3, 2, 4].map((nth) => lines[nth]).join("")), 3],
    ["a line is there twice", Buffer.from([0, 1, 2, 2, 3, 4].map((nth) => lines[nth]).join("")), 4],
    ["it is another file", Buffer.from("precious data\n"), 1],
    ["it is another file without lines", Buffer.from("precious data"), 1],
    ["it is an empty line", Buffer.from("\n"), 1],
  ];
  for (let at = 0; at < whole.length - 1; at += 1) {
    const line = whole.subarray(0, at).toString().split("\n").length;
    damaged.push([`bit 0 of byte ${at} flipped`, flip(at), line]);
  }
  for (const [name, bytes, line] of damaged) {
    writeFileSync(path, bytes);
    const { code, hint, line: told } = await error(() => contents(path));
    assert.deepEqual([code, told], ["outbox.damaged", line], name);
    assert.match(hint, /keep the file/);
    assert.deepEqual(readFileSync(path), bytes);
  }
});

test("fileOutbox: reports unusable paths with a hint", async () => {
  const notOurs = join(folder, "file");
  writeFileSync(notOurs, "");
  for (const [path, hint] of [
    [join(folder, "no", "such", "folder"), /create the folder/],
    [folder, /a file in this folder/],
    [join(notOurs, "x"), /is a file/],
    [`${folder}/${"x".repeat(300)}`, /see the cause/],
  ] as const) {
    const failed = await error(() => fileOutbox(path).open());
    assert.equal(failed.code, "outbox.unavailable");
    assert.match(failed.hint, hint);
    assert.ok(failed.message.includes(path));
  }
});

test("fileOutbox: accepts paths and file: URLs", async () => {
  const path = fresh();
  const url = pathToFileURL(path);
  for (const [nth, given] of [path, url, url.href, relative(process.cwd(), path)].entries()) {
    const outbox = fileOutbox(given);
    assert.equal((await outbox.open()).length, nth);
    await outbox.write({ put: [entry(nth + 1, "x")], remove: [] });
    await outbox.close();
  }
  for (const given of [undefined, "", 3]) {
    assert.throws(() => fileOutbox(given as string), { code: "options.invalid", member: "outbox" });
    assert.throws(() => fileTransport(given as string), { code: "options.invalid", member: "to" });
  }
});

test("fileOutbox: one recorder holds a file, whatever path leads to it", async () => {
  const path = fresh();
  const link = join(folder, "link");
  const deep = join(folder, "d".repeat(120));
  mkdirSync(deep);
  const far = join(deep, "far.outbox");
  writeFileSync(path, "");
  symlinkSync(path, link);
  for (const [one, other] of [
    [path, link],
    [far, join(deep, "..", "d".repeat(120), "far.outbox")],
  ] as const) {
    const outbox = fileOutbox(one);
    await outbox.open();
    assert.equal((await error(() => fileOutbox(other).open())).code, "outbox.in_use");
    await outbox.close();
    assert.deepEqual(await contents(other), []);
  }
});

test("fileOutbox: reports the Deno permissions that it needs", async () => {
  const without = (flag: string) => `for a; do shift; test "$a" = ${flag} || set -- "$@" "$a"; done; exec "$@"`;
  for (const flag of ["--allow-net", "--allow-write"]) {
    const process = new Child("Deno", new URL("child.ts", import.meta.url), [fresh(), "open"], without(flag));
    assert.equal(await process.line(), "outbox.unavailable");
    assert.match((await process.line()) ?? "", /run Deno with .*--allow-write, and --allow-net/);
  }
});

test("fileOutbox: doesn't touch other files that resemble its sockets", async () => {
  const path = fresh();
  const beside = [`${path}.lock-notes`, `${path}.lock-0123456789ab.txt`, `${path}.lock-`];
  for (const name of beside) {
    writeFileSync(name, "");
  }
  assert.deepEqual(await contents(path), []);
  assert.ok(beside.every(existsSync));
});

test("fileOutbox: one of many simultaneous claimants gets it", async () => {
  const path = fresh();
  for (let round = 0; round < 5; round += 1) {
    const outboxes = Array.from({ length: 8 }, () => fileOutbox(path));
    const opened = await Promise.allSettled(outboxes.map((outbox) => outbox.open()));
    const failed = opened.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    assert.ok(failed.length >= 7 && failed.every((code) => code === "outbox.in_use"));
    await Promise.all(outboxes.map((outbox) => outbox.close()));
  }
});

for (const [name, meddle] of [
  ["deleted", (path: string) => rmSync(path)],
  ["emptied", (path: string) => truncateSync(path)],
  ["written to", (path: string) => appendFileSync(path, "something\n")],
  [
    "replaced",
    (path: string) => {
      writeFileSync(`${path}.other`, "something");
      renameSync(`${path}.other`, path);
    },
  ],
] as const) {
  test(`fileOutbox: ${name} while it is open, the file is rewritten`, async () => {
    const path = fresh();
    const outbox = fileOutbox(path);
    await outbox.open();
    await outbox.write({ put: [entry(1, "a"), entry(2, "b")], remove: [] });
    meddle(path);
    await outbox.write({ put: [entry(3, "c")], remove: [1] });
    await outbox.close();
    assert.deepEqual(await contents(path), ["b", "c"]);
  });
}

test("fileOutbox: concurrent writes share one sync", async () => {
  const path = fresh();
  const outbox = fileOutbox(path);
  await outbox.open();
  const handle = await open(path);
  const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void> };
  const { datasync } = prototype;
  let syncs = 0;
  prototype.datasync = function (this: unknown) {
    syncs++;
    return Reflect.apply(datasync, this, []);
  };
  try {
    await Promise.all([1, 2, 3, 4].map((id) => outbox.write({ put: [entry(id, "x")], remove: [] })));
  } finally {
    prototype.datasync = datasync;
    await handle.close();
  }
  assert.equal(syncs, 1);
  await outbox.close();
});

test("fileOutbox: leftovers of a rewrite don't matter", async () => {
  const path = fresh();
  writeFileSync(`${path}.new`, "half of a journal");
  const outbox = fileOutbox(path);
  await outbox.open();
  await outbox.write({ put: [entry(1, "a")], remove: [] });
  rmSync(path);
  await outbox.write({ put: [entry(2, "b")], remove: [] });
  await outbox.close();
  assert.deepEqual(await contents(path), ["a", "b"]);
  assert.ok(!existsSync(`${path}.new`));
});

/** Fills an outbox until there is no space, and checks what it does then. */
async function fill(runtime: Runtime, path: string, within?: string): Promise<void> {
  const process = new Child(runtime, new URL("child.ts", import.meta.url), [path, "fill"], within);
  const lines: string[] = [];
  for (let line = await process.line(); line !== undefined; line = await process.line()) {
    lines.push(line);
  }
  assert.deepEqual(await process.ended(), { code: 0, errors: "" });
  const id = lines.findIndex((line) => !line.endsWith(" made")) + 1;
  assert.ok(id > 5);
  const full = "outbox.full: free disk space, or raise the quota";
  assert.equal(lines[id - 1], `${id} ${full}`);
  // Removals succeed even if there is no space for concurrent additions.
  const after = lines.slice(id);
  const many = after.includes("many made") ? [1, 2, 3] : [];
  assert.deepEqual(after.toSorted(), ["after made", many.length > 0 ? "many made" : `many ${full}`, "removal made"]);
  assert.deepEqual(
    (await contents(path)).map((text) => text.trim()),
    [...many, 4].map((more) => `${id + more}`),
  );
}

for (const runtime of runtimes) {
  test(`fileOutbox: ${runtime}: a file that may not grow is reported as full and stays valid`, () =>
    fill(runtime, fresh(), `trap '' XFSZ; ulimit -f 300; exec "$@"`));
}

const mounts = process.platform === "linux" && process.getuid?.() === 0;
test("fileOutbox: reports a full disk and keeps the journal valid", {
  skip: mounts ? false : "needs root on Linux",
}, async () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", disk]);
  try {
    for (const runtime of runtimes) {
      await fill(runtime, join(disk, "audit.outbox"));
      rmSync(join(disk, "audit.outbox"));
    }
  } finally {
    execFileSync("umount", [disk]);
  }
});

for (const runtime of runtimes) {
  test(`fileOutbox: ${runtime}: survives a kill in order, with atomic changes`, {
    timeout: 120_000,
  }, async () => {
    const path = fresh();
    let alive: number[] = [];
    let rounds = 0;
    for (; rounds < 6; rounds += 1) {
      const process = child(runtime, path, "churn", `${rounds}`);
      const there = (await process.line()) ?? assert.fail((await process.ended()).errors);
      alive = idsOf(there === "" ? [] : there.split(","));
      const lines: string[] = [];
      if (rounds % 2 === 0) {
        while (lines.length < 60 * rounds) {
          lines.push((await process.line()) ?? assert.fail((await process.ended()).errors));
        }
        lines.push(...(await process.kill()));
      } else {
        // Kills it while it rewrites the file.
        const watcher = watch(folder, (_, name) => {
          if (name === basename(`${path}.new`)) {
            process.signal("SIGKILL");
          }
        });
        lines.push(...(await process.rest()));
        watcher.close();
        assert.equal((await process.ended()).errors, "");
      }
      for (const change of lines) {
        const [put = "", remove = ""] = change.split(" ");
        const removed = new Set(remove.split(",").map(Number));
        alive = [...alive.filter((id) => !removed.has(id)), ...put.split(",").map(Number)];
      }
      const found = (await contents(path)).map((text) => text.trim());
      const ids = idsOf(found);
      // Entries are added and removed in order, so the remaining ones are a contiguous range that ends with a change.
      const [first = 0, last = 0] = [ids[0], ids.at(-1)];
      assert.deepEqual(
        ids,
        Array.from(ids, (_, nth) => first + nth),
      );
      assert.ok(found.length === 0 || found.at(-1)?.endsWith(`/${last}`), "a change is incomplete");
      assert.ok(last >= (alive.at(-1) ?? 0), "a written entry is lost");
      assert.ok(first >= (alive[0] ?? 0), "a removed entry is back");
    }
    assert.ok(alive.length > 20);
  });

  test(`fileOutbox: ${runtime}: a path is held until its process ends, and keeps no process alive`, async () => {
    const path = fresh();
    const holder = child(runtime, path, "hold");
    assert.equal(await holder.line(), "open");
    for (const other of runtimes) {
      const late = child(other, path, "open");
      assert.equal(await late.line(), "outbox.in_use");
      await late.line();
      assert.equal((await late.ended()).code, 0);
    }
    assert.equal((await error(() => contents(path))).code, "outbox.in_use");
    holder.signal("SIGSTOP");
    assert.equal((await error(() => contents(path))).code, "outbox.in_use");
    await holder.kill();
    for (const other of runtimes) {
      const next = child(other, path, "open");
      assert.equal(await next.line(), "open 0");
      assert.deepEqual(await next.ended(), { code: 0, errors: "" });
    }
    assert.deepEqual(await contents(path), []);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(`${path.slice(folder.length + 1)}.lock-`)),
      [],
    );
  });
}

test("fileOutbox: reports the option that allows what Node.js's permissions deny", () => {
  const program = `import { fileOutbox } from ${JSON.stringify(import.meta.resolve("../../packages/countersign/dist/outbox/file.node.js"))};
    await fileOutbox(${JSON.stringify(fresh())}).open().catch(({ code, hint }) => console.log(code, hint));`;
  const denied = ["--permission", "--allow-fs-read=*", "--input-type=module", "--eval", program];
  const output = execFileSync(process.execPath, denied, { encoding: "utf8" });
  assert.match(output, /^outbox\.unavailable .*--allow-fs-write for the file's folder/);
});
