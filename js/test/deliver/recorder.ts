/** Recorders of tests: they flush only when they are asked, and the end of the process is not theirs. */

import { artifact, readKey } from "../../packages/countersign/dist/artifact/recorder.node.js";
import { recording, type Variant } from "../../packages/countersign/dist/record/create.js";
import { none } from "../../packages/countersign/dist/record/lifecycle.js";
import type * as full from "../../packages/countersign/dist/record/record.js";
import { EMITTER, type Reached } from "./log.ts";
import type { Storage } from "./storage.ts";

/** What tests set of a recorder beside its options. */
export type Environment = Pick<Variant, "manyContexts" | "now" | "random">;

const usual = recording(artifact, none, { readKey });

/** Creates recorders that leave the exit status of the tests alone, whatever they lose. */
export const createRecorder: full.CreateRecorder = usual.createRecorder;

/** Creates such recorders with a clock or with random bytes of the test's, or as in a Worker. */
export function creating(environment: Environment): full.CreateRecorder {
  return recording(artifact, none, { readKey, ...environment }).createRecorder;
}

export type Recorder = full.Recorder;
/** What is chosen beside key, log and outbox. */
export type Options = Partial<Omit<full.LogOptions, "log" | "outbox" | "origin" | "to">> & Environment;

/** Creates a recorder; what it is told of errors goes to `told`. */
export function recorderOf(
  log: Reached,
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

/** Records events by their actions. */
export const record = (recorder: Recorder, ...actions: string[]) =>
  actions.map((action) => recorder.record({ action }));
