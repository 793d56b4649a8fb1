/** `countersign dev` of the npm package: a whole log in memory, with its page (crates/cli/src/commands/dev.rs). */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.node.js";
import { listen, type RunningServer } from "./http-server.node.js";
import { ObjectHost } from "./object-host.node.js";
import { loadPage } from "./page.node.js";
import { StopSignals } from "./stop-signals.node.js";
import { detail, done, type Failure, failed, systemFailure } from "./terminal.node.js";

/** The settings of a temporary log, from the program (crates/cli/src/host.rs). */
export interface DevLog {
  readonly listen: string;
  readonly log: string;
  readonly logVkey: string;
  readonly app: string;
  readonly trust: string;
  readonly token: string;
  readonly readers: string;
  readonly page: string | null;
  readonly command: readonly string[];
}

/** Exit status for arguments that can't be used. */
const UNUSABLE = 2;

/** Runs a temporary log until it is stopped, or its command ends. Returns the exit status. */
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
  const { log: key, trust, readers, command } = settings;
  const stopped = command.length === 0 ? nextSignal(signals) : undefined;
  const module = await WebAssembly.compile(await readFile(new URL("./log.wasm", import.meta.url)));
  const page = await loadPage(settings.page, trust);
  const host = new ObjectHost(module, { key, trust, readers, cors: "" });
  let server: RunningServer;
  try {
    const handler = async (request: Request) => (await page.respond(request)) ?? (await host.fetch(request));
    server = await listen(settings.listen, handler);
  } catch (error) {
    host.close();
    failed(
      systemFailure(
        "listen at",
        settings.listen,
        error,
        "use another address with --listen, or port 0 for a free port",
      ),
    );
    return UNUSABLE;
  }
  const folder = await mkdtemp(join(tmpdir(), "countersign-dev-"));
  let failure: Failure | undefined;
  try {
    const trustFile = join(folder, "trust.txt");
    await writeFile(trustFile, trust, { mode: 0o600 });
    const variables = {
      AUDIT_KEY: settings.app,
      AUDIT_URL: `http://${server.address}`,
      AUDIT_LOG: settings.logVkey,
      COUNTERSIGN_TOKEN: settings.token,
    };
    if (stopped === undefined) {
      detail("token:", settings.token);
    } else {
      const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
      process.stdout.write(lines.join(""));
    }
    detail("console:", `http://${server.address}/, with COUNTERSIGN_TOKEN and the trust file`);
    const [, origin = ""] = /^([^+]*)\+/.exec(settings.logVkey) ?? [];
    done(`the log ${origin} listens on http://${server.address}`);
    detail("log key:", settings.logVkey);
    detail("trust:", `${trustFile} (lists who may write)`);
    const status = await (stopped ?? runCommand(command, variables, signals).catch(notStarted));
    done("stopping: finishing work in progress");
    return status;
  } finally {
    await server.close();
    host.close();
    await rm(folder, { recursive: true, force: true });
    done("deleted the log, its keys, and its events");
    if (failure !== undefined) {
      failed(failure);
    }
  }

  function notStarted(error: unknown): number {
    failure = systemFailure("run", command[0] ?? "", error, "check the command after `--`");
    return UNUSABLE;
  }
}

/** Resolves to the exit status when a signal asks this process to stop. The next one ends it at once. */
async function nextSignal(signals: StopSignals): Promise<number> {
  await signals.first;
  signals.close();
  return 0;
}
