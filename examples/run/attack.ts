/** Plays an attack on the dashboard that is detected, blocked, and proven. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { COUNTERSIGN, project } from "./tools.ts";

/** The attacked servers, and the files used for detection. */
export interface Scene {
  /** URLs of the dashboard, the Worker, and the dashboard's log. */
  readonly dashboard: string;
  readonly worker: string;
  readonly log: string;
  /** The file with the alerts of `countersign watch`, one per line. */
  readonly alerts: string;
  /** The trust file of the log's readers, and the file with a reader's token. */
  readonly trust: string;
  readonly token: string;
  /** The folder for the evidence. */
  readonly out: string;
}

/** An alert of `countersign watch`. */
interface Alert {
  readonly data: {
    readonly finding: {
      readonly id: string;
      readonly title: string;
      readonly level: string;
      readonly group: Readonly<Record<string, string>>;
      readonly entries: readonly number[];
    };
  };
}

/** The result of the attack. */
export interface AttackResult {
  readonly account: string;
  readonly findings: readonly Alert["data"]["finding"][];
  /** The Worker's status codes before and after the attack. */
  readonly answers: readonly [number, number];
  /** The files that prove the findings. */
  readonly evidence: readonly string[];
}

/** Options with the rules of the program and of the dashboard. */
export const RULES = ["crates/analyze/rules", "examples/dashboard/rules"].flatMap((path) => ["--rules", project(path)]);
/** The finding whose rule denies access. */
const TAKEN_OVER = "Account Takeover";
const ACCOUNTS = ["u_lin", "u_noor", "u_zoe"];
/** Guessed passwords. The last one is right. */
const GUESSES = [...Array.from({ length: 24 }, (_, nth) => `letmein${nth}`), "sunshine"];
/** Timeout for what usually happens within seconds, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Plays the attack, and reports each step. */
export async function play(scene: Scene, report: (line: string) => void): Promise<AttackResult> {
  const { dashboard, worker, alerts } = scene;
  const before = findingsIn(alerts);
  const account = ACCOUNTS.find((name) => !before.some(({ group }) => group["parsed.actor.id"] === name)) ?? "";
  if (account === "") {
    throw new Error("every account was taken over; restart with --fresh");
  }
  const runJob = async () => {
    const answer = await fetch(`${worker}/jobs/invoice-run`, { method: "POST", headers: { "x-user": account } });
    await answer.body?.cancel();
    return answer.status;
  };
  const first = await runJob();
  report(`${account} asks the Worker to run a job; the response is ${first}.`);

  const begun = performance.now();
  const since = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
  for (const password of GUESSES) {
    await fetch(`${dashboard}/api/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: account, password }),
    }).then((answer) => answer.body?.cancel());
  }
  report(
    `An attacker guesses ${account}'s password at the dashboard ${GUESSES.length} times; the last guess is right.`,
  );

  const findings = await until(async () => {
    const mine = findingsIn(alerts).filter(({ group }) => group["parsed.actor.id"] === account);
    return mine.some(({ title }) => title === TAKEN_OVER) ? mine : undefined;
  }, "countersign watch reported nothing");
  for (const { level, title } of findings) {
    report(`Found after ${since()}: ${title} (${level}).`);
  }
  const status = await until(async () => {
    const status = await runJob();
    return status === 403 ? status : undefined;
  }, "the Worker refused no request");
  report(`${account} asks the Worker again; the response is ${status}, ${since()} after the first guess.`);

  const evidence = prove(
    scene,
    findings.map(({ id }) => id),
  );
  return { account, findings, answers: [first, status], evidence };
}

/** Runs the same detection on an export, and writes the entries of each finding to a file. */
function prove({ log, trust, token, out }: Scene, ids: readonly string[]): string[] {
  mkdirSync(out, { recursive: true });
  const [whole, folder] = [join(out, "export.ndjson"), join(out, "evidence")];
  for (const old of [whole, folder]) {
    rmSync(old, { recursive: true, force: true });
  }
  const run = (...args: string[]) => execFileSync(COUNTERSIGN, args, { stdio: "pipe" });
  run("export", "--dir", log, "--token-file", token, "-o", whole);
  run("analyze", whole, "--trust", trust, ...RULES, "--evidence", folder);
  const files = readdirSync(folder).filter((name) => ids.some((id) => name.includes(id)));
  return files.map((name) => join(folder, name));
}

/** Returns the findings in the alerts file. */
function findingsIn(alerts: string): Alert["data"]["finding"][] {
  const lines = existsSync(alerts) ? readFileSync(alerts, "utf8").split("\n") : [];
  return lines.flatMap((line) => {
    // The last line may be incomplete.
    const whole = line.endsWith("}") ? (JSON.parse(line) as Alert & { type: string }) : undefined;
    return whole?.type === "countersign.alert" ? [whole.data.finding] : [];
  });
}

async function until<T>(check: () => Promise<T | undefined>, failure: string): Promise<T> {
  for (const end = performance.now() + TIMEOUT_MS; performance.now() < end; await pause(50)) {
    const found = await check();
    if (found !== undefined) {
      return found;
    }
  }
  throw new Error(`${failure} within ${TIMEOUT_MS / 1000} seconds`);
}
