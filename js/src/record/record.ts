/** The entry `countersign`. */

import { artefact, lifecycle, readKey } from "#recorder";
import { type CreateRecorder, type GenerateKey, recording } from "./create.js";

export * from "./public.js";

const made = recording(artefact, lifecycle, { readKey });

/**
 * Makes a recorder, which signs events as one chain and delivers them to a log until it proves that it has them. Rejects
 * with `options.invalid` or `key.invalid`, naming the option; the log is not asked for anything yet.
 *
 *     const audit = await createRecorder({
 *       key: process.env.AUDIT_KEY, // PRIVATE+KEY+…, as `countersign keygen NAME` makes it
 *       to: "https://log.example.com",
 *       log: "example.com/audit+1a2b3c4d+A…", // the log's verifier key
 *     });
 *     audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "cron_job", id: "42" } });
 *     await audit.close();
 */
export const createRecorder: CreateRecorder = made.createRecorder;

/**
 * Makes a signer key: `key` is the secret, which `createRecorder` takes, and `vkey` the verifier key, by which others
 * know its signatures. The name is public, such as `example.com/app`, and holds no white space and no `+`.
 */
export const generateKey: GenerateKey = made.generateKey;
