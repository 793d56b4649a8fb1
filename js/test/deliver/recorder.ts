/** Recorders of tests: they flush only when they are asked. */

import * as full from "../../dist/record/record.js";
import { EMITTER, type Reached } from "./log.ts";
import type { Storage } from "./storage.ts";

export type Recorder = Awaited<ReturnType<typeof full.createRecorder>>;
/** What is chosen beside key, log and outbox. */
export type Options = Partial<Omit<full.LogOptions, "log" | "outbox" | "origin" | "to">>;

/** Creates a recorder; what it is told of errors goes to `told`. */
export function recorderOf(
  log: Reached,
  storage?: Storage,
  options: Options = {},
  told: string[] = [],
): Promise<Recorder> {
  return full.createRecorder({
    key: EMITTER.secret,
    to: log.to,
    log: log.vkey,
    outbox: storage?.outbox(),
    flush: false,
    retry: { firstMs: 1, longestMs: 1 },
    onError: ({ code }) => told.push(code),
    ...options,
  });
}

/** Records events by their actions. */
export const record = (recorder: Recorder, ...actions: string[]) =>
  actions.map((action) => recorder.record({ action }));
