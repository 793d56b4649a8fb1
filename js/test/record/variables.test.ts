/** Tests a recorder whose options come from environment variables, in every runtime that has them. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EMITTERS, LOG, ORIGIN } from "../conformance/setup.ts";
import { RUNTIMES, type Runtime } from "../runtimes.ts";

const run = promisify(execFile);
const [{ secret }] = EMITTERS;
const ALL = { AUDIT_KEY: secret, AUDIT_URL: "http://127.0.0.1:9", AUDIT_LOG: LOG.vkey };
const PROGRAM = fileURLToPath(new URL("variables-program.ts", import.meta.url));

async function outcome(
  runtime: Runtime,
  env: Record<string, string>,
  options: object = {},
  change: (args: readonly string[]) => readonly string[] = (args) => args,
): Promise<Record<string, string>> {
  const [program, ...args] = RUNTIMES[runtime];
  const { AUDIT_KEY: _, AUDIT_URL: __, AUDIT_LOG: ___, ...rest } = process.env;
  const { stdout } = await run(program, [...change(args), PROGRAM, JSON.stringify(options)], {
    env: { ...rest, ...env },
    timeout: 60_000,
  });
  assert.ok(!stdout.includes(secret.split("+").at(-1) ?? secret), "the output reveals the key");
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
  test(`${runtime}: AUDIT_KEY, AUDIT_URL, and AUDIT_LOG are enough`, async () => {
    assert.deepEqual(await outcome(runtime, ALL), { origin: ORIGIN });
  });

  test(`${runtime}: missing variables are named together`, async () => {
    const all = await outcome(runtime, {});
    assert.deepEqual([all.code, all.member], ["options.invalid", "key"]);
    assert.equal(all.message, "the environment variables AUDIT_KEY, AUDIT_URL, and AUDIT_LOG are not set");
    assert.match(all.hint ?? "", /`npx countersign dev -- npm run dev`, which sets them/);
    const one = await outcome(runtime, { ...ALL, AUDIT_LOG: "" });
    assert.deepEqual([one.code, one.member], ["options.invalid", "log"]);
    assert.equal(one.message, "the environment variable AUDIT_LOG is not set");
  });
}

test("options take precedence, and only absent ones are read", async () => {
  const given = { to: "http://127.0.0.1:9", log: LOG.vkey };
  assert.deepEqual(await outcome("Node", { AUDIT_KEY: secret, AUDIT_LOG: "nonsense" }, given), { origin: ORIGIN });
  const missing = await outcome("Node", {}, given);
  assert.equal(missing.message, "the environment variable AUDIT_KEY is not set");
  const broken = await outcome("Node", { ...ALL, AUDIT_KEY: `${secret.slice(0, -3)}` });
  assert.deepEqual([broken.code, broken.member], ["key.invalid", "key"]);
});

test("an option that is null is an error of its own", async () => {
  const { message } = await outcome("Node", ALL, { key: null });
  assert.match(message ?? "", /`key` is required/);
});

test("Deno: variables that may not be read are an error with the permission", async () => {
  const without = (args: readonly string[]) => [
    ...args.filter((arg) => arg !== "--allow-env"),
    "--allow-env=NODE_ENV",
    "--no-prompt",
  ];
  const { code, member, hint } = await outcome("Deno", ALL, {}, without);
  assert.deepEqual([code, member], ["options.invalid", "key"]);
  assert.match(hint ?? "", /--allow-env=AUDIT_KEY,AUDIT_URL,AUDIT_LOG/);
});
