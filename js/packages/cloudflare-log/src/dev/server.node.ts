/** `countersign dev` of the npm package: a whole log with its page (crates/cli/src/commands/dev.rs). */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runCommand } from "./command.node.js";
import { type EnvFile, writeEnvFile } from "./env-file.node.js";
import { listen, type RunningServer } from "./http-server.node.js";
import { ObjectHost } from "./object-host.node.js";
import { loadPage } from "./page.node.js";
import { StopSignals } from "./stop-signals.node.js";
import { detail, done, type Failure, failed, systemFailure } from "./terminal.node.js";
import { TrustFile } from "./trust-file.node.js";

/** The settings of a log for development, from the program (crates/cli/src/host.rs). */
export interface DevLog {
  readonly listen: string;
  readonly log: string;
  readonly logVkey: string;
  readonly app: string;
  readonly trust: string;
  readonly token: string;
  readonly readers: string;
  /** True to give each tenant a log of its own. */
  readonly tenants: boolean;
  readonly page: string | null;
  readonly command: readonly string[];
  readonly files: DevLogFiles | null;
  readonly env: EnvFile | null;
}

/** The files that keep a log. A log without files is temporary. */
export interface DevLogFiles {
  readonly folder: string;
  readonly trust: string;
  readonly database: string;
  /** The topmost folder that was created for them, which is removed if the log can't start. */
  readonly created: string | null;
}

/** Exit status for arguments that can't be used. */
const UNUSABLE = 2;

/** Runs a log for development until it is stopped, or its command ends. Returns the exit status. */
export async function runDevLog(settings: DevLog): Promise<number> {
  // Handles signals before it creates what they delete, and until that is deleted.
  const signals = new StopSignals();
  try {
    return await serve(settings, signals);
  } finally {
    signals.close();
  }
}

async function serve(settings: DevLog, signals: StopSignals): Promise<number> {
  const { log: key, readers, command, files, env } = settings;
  const stopped = command.length === 0 ? nextSignal(signals) : undefined;
  const module = await WebAssembly.compile(await readFile(new URL("./log.wasm", import.meta.url)));
  const page = await loadPage({ file: settings.page, tenants: settings.tenants, trust: trustOf });
  let trust: TrustFile | undefined;
  let host: ObjectHost;
  try {
    const tenants = settings.tenants ? {} : undefined;
    host = new ObjectHost(module, { key, trust: settings.trust, readers, cors: "", tenants }, files?.database ?? null);
  } catch (error) {
    await removeCreated(files);
    failed(databaseFailure(files?.database ?? "", error));
    return UNUSABLE;
  }
  let server: RunningServer;
  try {
    const handler = async (request: Request) => (await page.respond(request)) ?? (await host.fetch(request));
    server = await listen(settings.listen, handler);
  } catch (error) {
    host.close();
    await removeCreated(files);
    const hint =
      "stop the program that uses it, or choose another port with `--port N` (0 picks a free one); if `npm run dev` runs `countersign dev`, add it in package.json";
    failed(systemFailure("listen at", settings.listen, error, hint));
    return UNUSABLE;
  }
  const folder = files === null ? await mkdtemp(join(tmpdir(), "countersign-dev-")) : undefined;
  let failure: Failure | undefined;
  try {
    trust = await trustFile(settings, folder);
    const variables = {
      AUDIT_KEY: settings.app,
      AUDIT_URL: `http://${server.address}`,
      AUDIT_LOG: settings.logVkey,
      COUNTERSIGN_TOKEN: settings.token,
    };
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
    if (env !== null) {
      try {
        await writeEnvFile(env, lines.join(""));
      } catch (error) {
        failure = systemFailure("write", env.path, error, "name a file that you may write with --env");
        return UNUSABLE;
      }
    } else if (stopped !== undefined) {
      process.stdout.write(lines.join(""));
    }
    const [, origin = ""] = /^([^+]*)\+/.exec(settings.logVkey) ?? [];
    done(`the log ${origin} listens on http://${server.address}`);
    detail("log key:", settings.logVkey);
    detail("trust:", `${trust.path} (lists who may write)`);
    if (env !== null) {
      detail("variables:", env.path);
    } else if (stopped === undefined) {
      detail("token:", settings.token);
    }
    detail("console:", `http://${server.address}/, with COUNTERSIGN_TOKEN and the trust file`);
    if (files !== null) {
      detail("folder:", `${files.folder} (to start over, delete it and your app's outbox)`);
    }
    trust.follow(applyTrust);
    const status = await (stopped ?? runCommand(command, variables, signals).catch(notStarted));
    done("stopping: finishing work in progress");
    return status;
  } finally {
    trust?.close();
    await server.close();
    host.close();
    if (folder !== undefined) {
      await rm(folder, { recursive: true, force: true });
      done("deleted the log, its keys, and its events");
    }
    if (failure !== undefined) {
      failed(failure);
    }
  }

  async function applyTrust(text: string): Promise<boolean> {
    let isApplied = false;
    await server.between(async () => {
      isApplied = await host.setTrust(text);
    });
    if (isApplied) {
      done(`${trust?.path} was read again`);
    } else {
      const message = `${trust?.path}: the log can't use this file, and uses the last one that worked`;
      failed({ code: "trust.invalid", message, hint: "correct the file, which is read again when it changes" });
    }
    return isApplied;
  }

  /** Returns the text of the trust file for a tenant's log, or for the only log; undefined if there is no such log. */
  async function trustOf(id: string | undefined): Promise<string | undefined> {
    const text = trust?.text ?? settings.trust;
    if (id === undefined) {
      return text;
    }
    const headers = { authorization: `Bearer ${settings.token}` };
    const response = await host.fetch(new Request("http://localhost/tenants", { headers }));
    const lines = response.ok ? (await response.text()).split("\n").filter((line) => line !== "") : [];
    const tenants = lines.map((line) => JSON.parse(line) as { readonly origin: string; readonly since: number | null });
    const tenant = tenants.find(({ origin }) => origin.endsWith(`/t/${id}`));
    return typeof tenant?.since === "number" ? `${text}origin ${tenant.origin} ${tenant.since}\n` : undefined;
  }

  function notStarted(error: unknown): number {
    failure = systemFailure("run", command[0] ?? "", error, "check the command after `--`");
    return UNUSABLE;
  }
}

/** Removes the folders of a log that could not start, if they were created for it. */
async function removeCreated(files: DevLogFiles | null): Promise<void> {
  if (files !== null && files.created !== null) {
    await rm(files.created, { recursive: true, force: true });
  }
}

/** Returns the trust file. A temporary log's is written to this folder. */
async function trustFile({ files, trust }: DevLog, folder = ""): Promise<TrustFile> {
  if (files !== null) {
    return new TrustFile(files.trust, trust);
  }
  const path = join(folder, "trust.txt");
  await writeFile(path, trust, { mode: 0o600 });
  return new TrustFile(path, trust);
}

/** Returns the error for a database that can't be opened. */
function databaseFailure(database: string, error: unknown): Failure {
  const { message } = error as Error;
  return message.includes("database is locked")
    ? {
        code: "server.in_use",
        message: `another server uses the log's folder ${dirname(database)}`,
        hint: "stop the other server first: only one can write to a log",
      }
    : {
        code: "io.failed",
        message: `${database}: cannot open the log: ${message}`,
        hint: "move the folder aside to start over",
      };
}

/** Resolves to the exit status when a signal asks this process to stop. The next one ends it at once. */
async function nextSignal(signals: StopSignals): Promise<number> {
  await signals.first;
  signals.close();
  return 0;
}
