/** Recorders of tests: they flush only when they are asked, and the end of the process is not theirs. */

import { artefact, readKey } from "../../packages/countersign/dist/artefact/recorder.node.js";
import { recording } from "../../packages/countersign/dist/record/create.js";
import { none } from "../../packages/countersign/dist/record/lifecycle.js";
import type * as full from "../../packages/countersign/dist/record/record.js";
import { EMITTER, type Reached } from "./log.ts";
import type { Storage } from "./storage.ts";

/** Creates recorders that leave the exit status of the tests alone, whatever they lose. */
export const { createRecorder } = recording(artefact, none, { readKey });

export type Recorder = full.Recorder;
/** What is chosen beside key, log and outbox. */
export type Options = Partial<Omit<full.LogOptions, "log" | "outbox" | "origin" | "to">>;

/** Creates a recorder; what it is told of errors goes to `told`. */
export function recorderOf(
  log: Reached,
  storage?: Storage,
  options: Options = {},
  told: string[] = [],
): Promise<Recorder> {
  return createRecorder({
    key: EMITTER.secret,
    to: log.to,
    log: log.vkey,
    outbox: storage?.outbox(),
    flush: false,
    retry: { firstMs: 1, longestMs: 1 },
    onError: ({ code }) => told.push(code),
    ...options,
  }).ready();
}

/** Records events by their actions. */
export const record = (recorder: Recorder, ...actions: string[]) =>
  actions.map((action) => recorder.record({ action }));
