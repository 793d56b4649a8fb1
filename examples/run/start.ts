/** Runs the Worker and its log until a signal, for `cargo xtask start`. Its settings are in the environment. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { startWorkers } from "./workers.ts";

/** The folder with keys, the trust file, and readers. */
const { FOLDER = ".", PORT = "0", LOG_PORT = "0", PAGE, WATCHLIST, WATCH } = process.env;
const read = (name: string) => readFileSync(join(FOLDER, name), "utf8").trim();

const trust = read("trust.txt");
const workers = await startWorkers({
  vars: {
    worker: {
      AUDIT_LOG: /^log (.+)$/m.exec(trust)?.[1] ?? "",
      AUDIT_KEY: read("emitter.key"),
      ...(PAGE !== undefined && LOG_PORT !== "0" && { AUDIT_CONSOLE: `http://127.0.0.1:${LOG_PORT}/` }),
      ...(WATCHLIST !== undefined && WATCH !== undefined && { AUDIT_WATCHLIST: WATCHLIST, AUDIT_WATCH: WATCH }),
    },
    log: { AUDIT_LOG_KEY: read("log.key"), AUDIT_TRUST: trust, AUDIT_READERS: read("readers.txt") },
  },
  ports: { worker: Number(PORT), log: Number(LOG_PORT) },
  build: join(FOLDER, "build"),
  storage: join(FOLDER, "storage"),
  ...(PAGE !== undefined && { page: PAGE }),
});
console.log(`${workers.url} records into ${workers.logUrl}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => workers.close().then(() => process.exit()));
}
