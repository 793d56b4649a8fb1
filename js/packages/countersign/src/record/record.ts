/** Functions for recording, bound to this runtime. */

import type { CreateRecorder, GenerateKey } from "./create.js";
import { factory } from "./runtime-factory.js";

export * from "./public.js";

/**
 * Creates a recorder, which signs events as a chain and delivers them to a log until the log proves that it contains
 * them. The recorder accepts events immediately and starts in the background, without contacting the log.
 *
 * Throws `options.invalid` for invalid options. Errors that only show at the start, such as an unusable key, are passed
 * to `onError`, and `ready()` rejects with them.
 *
 * @example
 * ```ts
 * const audit = createRecorder({
 *   key: process.env.AUDIT_KEY, // PRIVATE+KEY+…, from `countersign keygen NAME`
 *   to: "https://log.example",
 *   log: "example.com/audit+1a2b3c4d+A…", // the log's public key (vkey)
 * });
 * audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "cron_job", id: "42" } });
 * await audit.close();
 * ```
 */
export const createRecorder: CreateRecorder = factory.createRecorder;

/**
 * Generates a key pair: `key` is the private key for `createRecorder`, and `vkey` is the public key that verifies its
 * signatures. The name is public, such as `example.com/app`, and must not contain white space or `+`.
 */
export const generateKey: GenerateKey = factory.generateKey;
