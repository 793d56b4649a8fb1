/** Recording, in this runtime. */

import type { CreateRecorder, GenerateKey } from "./create.js";
import { factory } from "./runtime-factory.js";

export * from "./public.js";

/**
 * Creates a recorder, which signs events as one chain and delivers them to a log until it proves that it has them.
 * It takes events at once, and starts by itself. Throws `options.invalid`, naming the option; what only the start shows,
 * such as a key that is not right, `onError` is told and `ready()` rejects with. The log is not asked for anything yet.
 *
 *     const audit = createRecorder({
 *       key: process.env.AUDIT_KEY, // PRIVATE+KEY+…, as `countersign keygen NAME` makes it
 *       to: "https://log.example.com",
 *       log: "example.com/audit+1a2b3c4d+A…", // the log's verifier key
 *     });
 *     audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "cron_job", id: "42" } });
 *     await audit.close();
 */
export const createRecorder: CreateRecorder = factory.createRecorder;

/**
 * Makes a signer key: `key` is the secret, which `createRecorder` takes, and `vkey` the verifier key, by which others
 * know its signatures. The name is public, such as `example.com/app`, and holds no white space and no `+`.
 */
export const generateKey: GenerateKey = factory.generateKey;
