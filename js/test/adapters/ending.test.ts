/** Tests programs that are ended by signals. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "countersign-ending-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const skip = process.platform === "win32" ? "there are no signals" : false;

/** Starts a server that writes its export to a file. */
async function start(what: string) {
  const file = join(folder, what);
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(new URL("node/ending.ts", import.meta.url)), what, file],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => `${(await lines.next()).value}`;
  const { port } = JSON.parse(await line()) as { port: number };
  return {
    line,
    url: `http://127.0.0.1:${port}`,
    tell: (signal: NodeJS.Signals) => child.kill(signal),
    /** The exit code and signal. */
    exit: once(child, "exit"),
    lines: (which = "") =>
      existsSync(file + which)
        ? readFileSync(file + which, "utf8")
            .trimEnd()
            .split("\n")
        : [],
  };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`closeOnSignals: finishes pending requests on ${signal}, then closes the chain`, { skip }, async () => {
    const server = await start(signal);
    const response = await fetch(`${server.url}/under-way`, { headers: { connection: "close" } });
    server.tell(signal);
    assert.equal(await response.text(), "first last");
    assert.deepEqual(await server.exit, [null, signal]);
    const lines = server.lines();
    const paths = lines.flatMap(
      (line) => (JSON.parse(line) as { event?: { http: { path: string } } }).event?.http.path ?? [],
    );
    assert.deepEqual(paths, ["/under-way"]);
    assert.match(lines.at(-1) ?? "", /countersign\/v1 close /);
  });
}

test("closeOnSignals: closes all recorders before the program ends", { skip }, async () => {
  const server = await start("two");
  server.tell("SIGTERM");
  assert.deepEqual(await server.exit, [null, "SIGTERM"]);
  assert.equal(server.lines("-second").filter((line) => line.includes("job.update")).length, 1);
  assert.match(server.lines("-second").at(-1) ?? "", /countersign\/v1 close /);
});

test("closeOnSignals: exits as the first process of a container", { skip }, async () => {
  const server = await start("first-process");
  server.tell("SIGTERM");
  assert.deepEqual(await server.exit, [143, null]);
});

test("closeOnSignals: reports undelivered events as lost", { skip }, async () => {
  const server = await start("failing");
  server.tell("SIGTERM");
  assert.deepEqual([await server.line(), await server.line()], ["closing", "recorder.lost"]);
  assert.deepEqual(await server.exit, [null, "SIGTERM"]);
});

test("closeOnSignals: a second signal ends the program immediately", { skip }, async () => {
  const server = await start("hang");
  await (await fetch(server.url, { headers: { connection: "close" } })).text();
  server.tell("SIGTERM");
  assert.equal(await server.line(), "closing");
  server.tell("SIGTERM");
  assert.deepEqual(await server.exit, [null, "SIGTERM"]);
});

test("closeOnSignals: does nothing after it was undone", { skip }, async () => {
  const server = await start("nothing");
  await (await fetch(server.url, { headers: { connection: "close" } })).text();
  server.tell("SIGTERM");
  assert.deepEqual(await server.exit, [null, "SIGTERM"]);
  assert.deepEqual(server.lines(), []);
});
