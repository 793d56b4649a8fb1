// Records an event for each of many tenants, few at a time, on Node.js with an outbox in a file. Prints the recorder's
// memory in bytes after each number of tenants, and the bytes on disk per tenant at the end.
//
//     node --expose-gc record-tenants.mjs FOLDER TENANTS…
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { fileOutbox } from "../js/packages/countersign/dist/outbox/file.node.js";
import { createRecorder, generateKey } from "../js/packages/countersign/dist/record/record.js";
import { event } from "./event.mjs";

/** The number of tenants that record at once. */
const AT_ONCE = 16;
const [, , within, ...counts] = process.argv;
const folder = mkdtempSync(join(within, "record-tenants-"));
const server = spawn(process.execPath, [new URL("tenant-server.mjs", import.meta.url).pathname], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const [line] = await once(createInterface(server.stdout), "line");
  const [port, log] = line.split(" ");
  const { key } = await generateKey("bench.example/recorder");
  const path = join(folder, "outbox");
  const originOf = (tenant) => `log.example/audit/t/${createHash("sha256").update(tenant).digest("hex").slice(0, 32)}`;
  const options = { key, log, to: `http://127.0.0.1:${port}`, tenants: originOf, outbox: fileOutbox(path) };
  let failure;
  const onError = (error) => {
    failure ??= error;
  };
  const recorder = await createRecorder({ ...options, autoFlush: false, onError }).ready();
  let recorded = 0;
  const memory = [];
  for (const count of counts.map(Number)) {
    while (recorded < count) {
      const more = Math.min(AT_ONCE, count - recorded);
      for (let nth = 0; nth < more; nth++) recorder.record({ ...event(recorded), tenant: `tenant-${recorded++}` });
      await recorder.flush();
      if (failure !== undefined) throw failure;
    }
    memory.push(await used());
  }
  await recorder.close();
  const bytes = (sizeOf(path) + sizeOf(`${path}.values`)) / recorded;
  console.log([...memory, bytes].join(" "));
} finally {
  server.kill();
  rmSync(folder, { recursive: true });
}

/** Returns the memory in use: objects, buffers, and WebAssembly. */
async function used() {
  // Objects of a finished request are freed only after its finalizers ran.
  for (let round = 0; round < 3; round++) {
    global.gc();
    await setImmediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Returns the bytes that a file or a folder takes on disk. */
function sizeOf(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  const within = stats.isDirectory() ? readdirSync(path).map((name) => sizeOf(join(path, name))) : [];
  return within.reduce((sum, bytes) => sum + bytes, 512 * stats.blocks);
}
