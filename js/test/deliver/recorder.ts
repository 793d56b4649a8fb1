/** Recorders for tests: they flush only on request, and don't affect the test process's exit. */

import { artifact, readKey } from "../../packages/countersign/dist/artifact/recorder.node.js";
import { recording, type Variant } from "../../packages/countersign/dist/record/create.js";
import { none } from "../../packages/countersign/dist/record/lifecycle.js";
import type * as full from "../../packages/countersign/dist/record/record.js";
import { type Destination, EMITTER } from "./log.ts";
import type { Storage } from "./storage.ts";

/** Settings of a recorder besides its options. */
export type Environment = Pick<Variant, "manyContexts" | "now" | "random">;

const usual = recording(artifact, none, { readKey });

/** Creates recorders that don't change the exit status of the tests. */
export const createRecorder: full.CreateRecorder = usual.createRecorder;

/** Creates such recorders with a test's clock or random bytes, or as in a Worker. */
export function creating(environment: Environment): full.CreateRecorder {
  return recording(artifact, none, { readKey, ...environment }).createRecorder;
}

export type Recorder = full.Recorder;
/** Options besides the key, log, and outbox. */
export type Options = Partial<Omit<full.LogOptions, "log" | "outbox" | "origin" | "to">> & Environment;

/** Creates a recorder that adds its errors to `told`. */
export function recorderOf(
  log: Destination,
  storage?: Storage,
  { manyContexts, now, random, ...options }: Options = {},
  told: string[] = [],
): Promise<Recorder> {
  return creating({ manyContexts, now, random })({
    key: EMITTER.secret,
    to: log.to,
    log: log.vkey,
    outbox: storage?.outbox(),
    autoFlush: false,
    retry: { initialDelayMs: 1, maxDelayMs: 1 },
    onError: ({ code }) => told.push(code),
    ...options,
  }).ready();
}

/** Records events with these actions. */
export const record = (recorder: Recorder, ...actions: string[]) =>
  actions.map((action) => recorder.record({ action }));
