/** The product's programs and packages that read a tenant log or write to it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CountersignError, createRecorder } from "countersign";
import { fileOutbox } from "countersign/node";
import { type Verdict, verify } from "countersign/verify";
import { PROGRAM } from "../conformance/program.ts";
import { exportOf } from "./export.ts";
import { EMITTER, type OperatorLog } from "./log.ts";
import { ROOT_TRUST } from "./root-log.ts";

/** The report of a client after a visit of the log. */
export interface Outcome {
  /** The exit status of the program; for a package, that of the program with the same result. */
  readonly status: number | null;
  /** The codes of errors and warnings. */
  readonly codes: readonly string[];
  /** The output, for messages. */
  readonly output: string;
}

/** A client in a folder of its own, which keeps what it remembers there. */
export interface Client {
  visit(log: OperatorLog, url: string): Promise<Outcome>;
}

/** The limit for a run of the program, which takes less than a second. */
const TIMEOUT_MS = 30_000;
/** A token, which this server doesn't check. */
const TOKEN = `csr_${"0".repeat(64)}`;
/** The exit statuses of verdicts (SPEC section 9.10). */
const STATUSES: Record<Verdict, number> = {
  altered: 1,
  broken: 1,
  not_checked: 5,
  untrusted: 3,
  partial: 4,
  verified: 0,
};

/** The code for the notice that what the log shows is older than the pin. */
export const OLDER = "older";

/** A finding of a report or a monitor. */
interface Finding {
  readonly code?: string;
  readonly severity?: string;
}

const codesOf = (findings: readonly Finding[]) => [
  ...new Set(findings.flatMap(({ code, severity }) => (code === undefined || severity === "info" ? [] : [code]))),
];

/** The folder with the folders of all clients. */
const FOLDERS = mkdtempSync(join(tmpdir(), "countersign-lies-"));

/** Removes the files of all clients. */
export const removeFiles = (): void => rmSync(FOLDERS, { recursive: true, force: true });

/** A folder with files for the program. */
class Folder {
  readonly path = mkdtempSync(join(FOLDERS, "client-"));

  write(name: string, content: string): void {
    writeFileSync(join(this.path, name), content, { mode: 0o600 });
  }

  /** Runs the program in the folder. */
  async run(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const child = spawn(PROGRAM ?? "countersign", args, {
      cwd: this.path,
      env: { ...process.env, NO_COLOR: "1", COUNTERSIGN_TOKEN: TOKEN },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
    });
    const ended = new Promise<number | null>((resolve, reject) => child.on("close", resolve).on("error", reject));
    const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { status, stdout, stderr };
  }
}

/** Runs the program, and reads the findings from its output. */
async function runForFindings(
  folder: Folder,
  args: string[],
  read: (stdout: string) => readonly Finding[],
): Promise<Outcome> {
  const { status, stdout, stderr } = await folder.run(...args, "--json");
  const output = `${stdout}${stderr}`;
  assert.notEqual(status, 2, output);
  return { status, codes: codesOf(read(stdout)), output };
}

/** Parses findings, one per line. */
const findingsOf = (stdout: string): Finding[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

/** `countersign verify` of an export. With a pin, it keeps the newest head. */
const verifyProgram = (folder: Folder, hasPin: boolean): Client => ({
  visit: async (log) => {
    folder.write("trust.txt", log.trust);
    folder.write("export.ndjson", exportOf(log, log.visibleTick));
    const pin = hasPin ? ["--save-pin", "pin.txt"] : [];
    const args = ["verify", "export.ndjson", "--trust", "trust.txt", ...pin];
    const { codes, ...outcome } = await runForFindings(folder, args, (stdout) => JSON.parse(stdout).findings);
    const isOlder = outcome.output.includes("is older than the pin");
    return { ...outcome, codes: isOlder ? [...codes, OLDER] : codes };
  },
});

/** `verify` of the npm package. With a pin, it keeps the newest head. */
function verifyPackage(hasPin: boolean): Client {
  let pins: string[] = [];
  return {
    visit: async (log) => {
      const source = new TextEncoder().encode(exportOf(log, log.visibleTick));
      const { report, pin, newerPin } = await verify(source, { trust: log.trust, pins, threads: 0 });
      if (hasPin && pin !== null) {
        pins = [pin];
      }
      const codes = codesOf(report.findings);
      return {
        status: STATUSES[report.verdict],
        codes: newerPin === null ? codes : [...codes, OLDER],
        output: JSON.stringify(report, null, 1),
      };
    },
  };
}

/** `countersign monitor` of the tenant log. */
const monitor = (folder: Folder): Client => ({
  visit: async (log, url) => {
    folder.write("trust.txt", log.trust);
    const args = ["monitor", `${url}/t/${log.id}`, "--trust", "trust.txt", "--state", "state.json", "--once"];
    return runForFindings(folder, args, findingsOf);
  },
});

/** `countersign monitor --all-tenants`. */
const growthMonitor = (folder: Folder): Client => ({
  visit: async (_, url) => {
    folder.write("trust.txt", ROOT_TRUST);
    const args = ["monitor", url, "--all-tenants", "--trust", "trust.txt", "--state", "growth.state", "--once"];
    return runForFindings(folder, args, findingsOf);
  },
});

/** `countersign check` of the root log. */
const check = (folder: Folder, hasPin: boolean): Client => ({
  visit: async (_, url) => {
    folder.write("trust.txt", ROOT_TRUST);
    const pin = hasPin ? ["--save-pin", "pin.txt"] : [];
    return runForFindings(folder, ["check", url, "--trust", "trust.txt", ...pin], (stdout) => {
      const { tiles, report } = JSON.parse(stdout);
      return [...tiles.findings.map(({ code }: Finding) => ({ code })), ...report.findings];
    });
  },
});

/** `countersign record` with an outbox, which records an event. */
function recordProgram(folder: Folder): Client {
  let visits = 0;
  return {
    visit: async (log, url) => {
      visits += 1;
      const events = `events-${visits}.ndjson`;
      folder.write("trust.txt", log.trust);
      folder.write("app.key", `${EMITTER.text}\n`);
      folder.write(events, '{"action":"job.create"}\n');
      const to = ["--to", `${url}/t/${log.id}`, "--trust", "trust.txt", "--outbox", "outbox"];
      const { status, stderr } = await folder.run("record", events, "--key", "app.key", ...to, "--give-up", "0s");
      const [, code] = /error\[([\w.]+)\]/.exec(stderr) ?? [];
      assert.equal(code === undefined, status === 0, stderr);
      // The evidence, which the outbox keeps.
      assert.equal(existsSync(join(folder.path, "outbox/contradiction.json")), code === "log.rewritten", stderr);
      return { status, codes: code === undefined ? [] : [code], output: stderr };
    },
  };
}

/** The npm package's recorder with an outbox, which records an event. */
function recordPackage(folder: Folder): Client {
  let visits = 0;
  return {
    visit: async (log, url) => {
      visits += 1;
      const folderOf = (visit: number) => join(folder.path, `recorder-${visit}`);
      // A recorder releases its outbox only after it has delivered everything, or with its process.
      if (visits > 1) {
        cpSync(folderOf(visits - 1), folderOf(visits), { recursive: true });
      } else {
        mkdirSync(folderOf(visits));
      }
      const audit = createRecorder({
        key: EMITTER.text,
        to: url,
        log: ROOT_TRUST,
        tenants: { acme: log.origin },
        outbox: fileOutbox(join(folderOf(visits), "recorder.outbox")),
        autoFlush: false,
        onError: () => {},
      });
      try {
        const event = audit.record({ tenant: "acme", action: "job.create" });
        await Promise.all([event.delivered(), audit.close({ retryForMs: 0 })]);
        return { status: 0, codes: [], output: "" };
      } catch (error) {
        assert.ok(error instanceof CountersignError, `${error}`);
        return { status: 1, codes: [error.code], output: error.message };
      }
    },
  };
}

/** The clients by their names. Clients in one list are the same client in two programs. */
export const CLIENTS = {
  verify: [(folder: Folder) => verifyProgram(folder, false), () => verifyPackage(false)],
  "verify with a pin": [(folder: Folder) => verifyProgram(folder, true), () => verifyPackage(true)],
  monitor: [monitor],
  record: [recordProgram, recordPackage],
  "monitor --all-tenants": [growthMonitor],
  check: [(folder: Folder) => check(folder, false)],
  "check with a pin": [(folder: Folder) => check(folder, true)],
} satisfies Record<string, ((folder: Folder) => Client)[]>;

export type ClientName = keyof typeof CLIENTS;

/** Creates a client that remembers nothing yet. */
export const createClient = (make: (folder: Folder) => Client): Client => make(new Folder());
