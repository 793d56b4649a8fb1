/** Mistakes, and what is to be said of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as full from "../../dist/record/record.js";
import { EMITTERS, LOG, ORIGIN } from "../conformance/setup.ts";

export { full };

/** Options that are right, for a collector. */
export const RIGHT = { key: EMITTERS[0].secret, to: "https://log.example", log: LOG.vkey, flush: false as const };

/** What an error must say: its code, the member, what is wrong, and what to do. */
export type Said = readonly [code: full.ErrorCode, member: string | undefined, wrong: RegExp, todo: RegExp];

/** What must never be in an error: seeds. */
const SECRETS = [...EMITTERS, LOG].map(({ secret }) => secret.split("+").slice(4).join("+"));

/** Fails unless it says so, and nothing that is secret. */
export function says(error: unknown, [code, member, wrong, todo]: Said): void {
  assert.ok(error instanceof full.CountersignError, `${error}`);
  const { message, hint = "", code: found, member: of } = error;
  assert.deepEqual({ code: found, member: of }, { code, member }, message);
  assert.match(message, wrong);
  assert.match(hint, todo);
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const all = `${at.stack} ${at.message} ${JSON.stringify(at)} ${hint}`;
    assert.ok(!SECRETS.some((secret) => all.includes(secret)), "it gives a secret away");
  }
}

/** That a recorder cannot be made with these options, and what is said then. */
export function refuses(name: string, wrong: Record<string, unknown>, said: Said): void {
  test(name, async () => {
    const options = { ...RIGHT, ...wrong } as unknown as full.RecorderOptions;
    const create = async () => full.createRecorder({ onError: () => {}, ...options }).ready();
    const error = await create().then(
      () => assert.fail("it was taken"),
      (error) => error,
    );
    says(error, said);
  });
}

/** Options without a log. */
export const withoutLog = { log: undefined, origin: ORIGIN, to: full.memory() };
