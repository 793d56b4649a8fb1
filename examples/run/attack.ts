/** An attack on the dashboard, and what becomes of it: it is found, refused and proven. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { COUNTERSIGN, project } from "./tools.ts";

/** What there is to be attacked, and who looks. */
export interface Scene {
  /** The addresses of dashboard, Worker and the dashboard's log. */
  readonly dashboard: string;
  readonly worker: string;
  readonly log: string;
  /** The file with what `countersign watch` told, a message a line. */
  readonly alerts: string;
  /** Whom the log's readers trust, and the file with a reader's token. */
  readonly trust: string;
  readonly token: string;
  /** Where the evidence goes. */
  readonly out: string;
}

/** A finding, as `countersign watch` tells it. */
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

/** What came of it. */
export interface Played {
  readonly account: string;
  readonly findings: readonly Alert["data"]["finding"][];
  /** What the Worker answered before, and afterwards. */
  readonly answers: readonly [number, number];
  /** The files that prove the findings, by their ids. */
  readonly evidence: readonly string[];
}

/** By which rules is looked: those that come with the program, and the dashboard's. */
export const RULES = ["crates/analyze/rules", "examples/dashboard/rules"].flatMap((path) => ["--rules", project(path)]);
/** The finding whose rule denies. */
const TAKEN_OVER = "Account Takeover";
const ACCOUNTS = ["u_lin", "u_noor", "u_zoe"];
/** What people call their passwords. The last is right. */
const GUESSES = [...Array.from({ length: 24 }, (_, nth) => `letmein${nth}`), "sunshine"];
/** For so long it is waited for what is to happen within seconds. */
const PATIENCE = 60_000;

/** Plays it. What happens is told as it does. */
export async function play(scene: Scene, tell: (line: string) => void): Promise<Played> {
  const { dashboard, worker, alerts } = scene;
  const before = told(alerts);
  const account = ACCOUNTS.find((name) => !before.some(({ group }) => group["parsed.actor.id"] === name)) ?? "";
  if (account === "") {
    throw new Error("each account was taken over: begin anew with --fresh");
  }
  const ask = async () => {
    const answer = await fetch(`${worker}/jobs/invoice-run`, { method: "POST", headers: { "x-user": account } });
    await answer.body?.cancel();
    return answer.status;
  };
  const first = await ask();
  tell(`${account} asks the Worker to run a job: it answers with ${first}.`);

  const begun = performance.now();
  const since = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
  for (const password of GUESSES) {
    await fetch(`${dashboard}/api/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: account, password }),
    }).then((answer) => answer.body?.cancel());
  }
  tell(`Somebody guesses ${account}'s password at the dashboard, ${GUESSES.length} times; the last is right.`);

  const findings = await until(async () => {
    const mine = told(alerts).filter(({ group }) => group["parsed.actor.id"] === account);
    return mine.some(({ title }) => title === TAKEN_OVER) ? mine : undefined;
  }, "countersign watch tells of nothing");
  for (const { level, title } of findings) {
    tell(`Found after ${since()}: ${title} (${level}).`);
  }
  const status = await until(async () => {
    const status = await ask();
    return status === 403 ? status : undefined;
  }, "the Worker refuses nobody");
  tell(`${account} asks the Worker again: it answers with ${status}, ${since()} after the first guess.`);

  const evidence = prove(
    scene,
    findings.map(({ id }) => id),
  );
  return { account, findings, answers: [first, status], evidence };
}

/** Has the program find the same in an export, and write the entries of each finding as a file of its own. */
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

/** The findings that were told. */
function told(alerts: string): Alert["data"]["finding"][] {
  const lines = existsSync(alerts) ? readFileSync(alerts, "utf8").split("\n") : [];
  return lines.flatMap((line) => {
    // The last line may be on its way.
    const whole = line.endsWith("}") ? (JSON.parse(line) as Alert & { type: string }) : undefined;
    return whole?.type === "countersign.alert" ? [whole.data.finding] : [];
  });
}

async function until<T>(look: () => Promise<T | undefined>, otherwise: string): Promise<T> {
  for (const end = performance.now() + PATIENCE; performance.now() < end; await pause(50)) {
    const found = await look();
    if (found !== undefined) {
      return found;
    }
  }
  throw new Error(`${otherwise} within ${PATIENCE / 1000} seconds`);
}
