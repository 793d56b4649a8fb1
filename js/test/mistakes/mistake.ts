/**
 * Helpers for mistakes and their errors. Tests assert the code and the field; messages.txt contains all messages and
 * hints. After a change of wording, update it and review the diff:
 *
 *     UPDATE_MESSAGES=1 npm run test:files -- --test-concurrency=1 "test/mistakes/*.test.ts"
 */

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { after, test } from "node:test";
import * as full from "../../packages/countersign/dist/record/record.js";
import { EMITTERS, LOG, ORIGIN } from "../conformance/setup.ts";

export { full };

/** Valid options for recording into a log. */
export const RIGHT = { key: EMITTERS[0].secret, to: "https://log.example", log: LOG.vkey, autoFlush: false as const };

/** The code and the field of the expected error. */
export type ExpectedError = readonly [code: full.ErrorCode, member: string | undefined];

/** An error in the form that a page passes to a test. */
export interface PageError {
  readonly code: string;
  readonly member?: string | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
}

const MESSAGES = new URL("messages.txt", import.meta.url);
const FILE = basename(process.argv[1] ?? "");
const isUpdate = process.env.UPDATE_MESSAGES !== undefined;
const seen = new Map<string, string>();

/** Reads messages.txt: an entry per mistake, by its first line. */
function readMessages(): Map<string, string> {
  const text = existsSync(MESSAGES) ? readFileSync(MESSAGES, "utf8") : "";
  return new Map(
    text.split(/\n(?=\S)/).flatMap((entry) => (entry === "" ? [] : [[titleOf(entry), `${entry.trimEnd()}\n`]])),
  );
}

const titleOf = (entry: string) => entry.slice(0, entry.indexOf("\n"));
const known = readMessages();

if (isUpdate) {
  after(() => {
    // Entries of files that were renamed or deleted are dropped.
    const isFile = (name: string) => existsSync(new URL(name, MESSAGES));
    const others = [...readMessages()].filter(
      ([title]) => !title.startsWith(`${FILE}: `) && isFile(title.slice(0, title.indexOf(":"))),
    );
    const all = [...others, ...seen].sort(([one], [other]) => Number(one > other) - Number(one < other));
    writeFileSync(MESSAGES, all.map(([, entry]) => entry).join("\n"));
  });
}

/** Replaces what varies between runs and runtime versions. */
const lasting = (text: string) =>
  text
    .replaceAll(/(127\.0\.0\.1|localhost):\d+/g, "$1:PORT")
    .replaceAll(/(dated |shows |clock \()\d{4}-\d\d-\d\dT[\d:.]+Z/g, "$1TIME")
    .replaceAll(/\(\w*SSL\w*\)/g, "(SSL)")
    .replace(/(WebAssembly module of the \S+ could not be loaded: ).*/s, "$1REASON");

/** Formats text as one shortened line of ASCII. */
function lineOf(text: string): string {
  const line = JSON.stringify(lasting(text)).slice(1, -1).replaceAll('\\"', '"');
  return line.length > 600 ? `${line.slice(0, 600)}…` : line;
}

/** Fails unless an error has this code and field, and the mistake's message and hint in messages.txt. */
export function showsAs(name: string, error: PageError, [code, member]: ExpectedError): void {
  assert.deepEqual({ code: error.code, member: error.member }, { code, member }, error.message);
  const title = `${FILE}: ${lineOf(name)}`;
  assert.ok(!seen.has(title), `two mistakes are called ${title}`);
  const place = member === undefined ? "" : ` ${lineOf(member).slice(0, 40)}`;
  const hint = error.hint === undefined ? "" : `  hint: ${lineOf(error.hint)}\n`;
  const entry = `${title}\n  ${code}${place}\n  ${lineOf(error.message)}\n${hint}`;
  seen.set(title, entry);
  if (!isUpdate) {
    assert.equal(entry, known.get(title) ?? assert.fail(`messages.txt lacks ${title}`));
  }
}

/** Returns the error that a call throws. */
export async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

/** Secrets that must not be in errors: seeds of private keys. */
const SECRETS = [...EMITTERS, LOG].map(({ secret }) => secret.split("+").slice(4).join("+"));

/** Fails unless an error is as expected, and reveals no secret. */
export function says(name: string, error: unknown, said: ExpectedError): void {
  assert.ok(error instanceof full.CountersignError, `${error}`);
  showsAs(name, error, said);
  const { hint = "" } = error;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const all = `${at.stack} ${at.message} ${JSON.stringify(at)} ${hint}`;
    assert.ok(!SECRETS.some((secret) => all.includes(secret)), "the error reveals a secret");
  }
}

/** Tests that a recorder can't be created with these options. */
export function refuses(name: string, wrong: Record<string, unknown>, said: ExpectedError): void {
  test(name, async () => {
    const options = { ...RIGHT, ...wrong } as unknown as full.RecorderOptions;
    const create = async () => full.createRecorder({ onError: () => {}, ...options }).ready();
    const error = await create().then(
      () => assert.fail("the options were accepted"),
      (error) => error,
    );
    says(name, error, said);
  });
}

/** Options without a log. */
export const withoutLog = { log: undefined, origin: ORIGIN, to: full.memory() };
