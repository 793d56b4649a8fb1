/** `createRecorder`, for a given artefact. */

import { CountersignError } from "../error.js";
import { type Core, type CoreLogTrust, inCore } from "./core.js";
import type { Transport } from "./memory.js";
import { Recorder } from "./recorder.js";
import { external, type KeyHandle, type Signer, type Signing } from "./signer.js";

/** The names whose values are redacted where nothing else is said: in any ASCII case, at any depth. */
export const REDACTED: readonly string[] = ["password", "secret", "token", "authorization", "cookie", "set-cookie"];

/** How much may wait to be handed on where nothing else is said: 16 MiB. */
const LIMIT = 16 << 20;

/** How to record. */
export interface RecorderOptions {
  /** Who signs: a signer key's text (`PRIVATE+KEY+…`), a key of WebCrypto's, or what signs elsewhere. */
  key: string | KeyHandle | Signer;
  /** The log that the chain is for, as its checkpoints name it: `example.com/audit`. */
  origin: string;
  /**
   * Takes the lines, in order and one chunk at a time. The next waits for what it returns, and a chunk that it fails
   * to take is given to it again. All chunks together are an export. `memory()` makes one that keeps them.
   */
  to: Transport;
  /**
   * Members whose values are replaced by `"[redacted]"` before an event is committed to, wherever they stand: a
   * string, number or array; an object is gone into. Instead of {@link REDACTED}; `[]` redacts nothing.
   */
  redact?: readonly string[] | undefined;
  /** Has every n-th link signed. Each flush signs its last one in any case. */
  signEvery?: number | undefined;
  /** The most bytes that may wait to be handed on; `record` throws `recorder.full` above it. By default 16 MiB. */
  limitBytes?: number | undefined;
  /** The clock: milliseconds from the epoch. For tests. */
  now?: (() => number) | undefined;
  /** Fills bytes with secure random ones. For tests: salts that can be guessed give events away. */
  random?: ((bytes: Uint8Array<ArrayBuffer>) => unknown) | undefined;
}

/** Begins a chain. */
export type CreateRecorder = (options: RecorderOptions) => Promise<Recorder>;

/** What differs between the artefacts. */
export interface Variant<Trust extends CoreLogTrust> {
  load: () => Promise<Core<Trust>>;
  /** Reads a signer key's text. */
  readKey: (text: string) => Signing | Promise<Signing>;
  /** Checks that a proof shows a leaf to be in the log, and gives its index. */
  prove: (trust: Trust, proof: string, leaf: string) => number | Promise<number>;
  /** Checks signatures from outside, where the artefact cannot. */
  verifies?: (vkey: string, bytes: Uint8Array<ArrayBuffer>, signature: Uint8Array) => Promise<boolean>;
}

/** Makes the `createRecorder` of an artefact. */
export function creator<Trust extends CoreLogTrust>({ load, readKey, verifies }: Variant<Trust>): CreateRecorder {
  return async (options) => {
    const { key, origin, to, redact, signEvery = 0, limitBytes = LIMIT } = checked(options);
    const core = await load();
    const signing = typeof key === "string" ? await readKey(key) : external(key);
    const recorder = inCore(() => new core.Recorder(origin, signing.key, signEvery, redact === undefined));
    for (const name of redact ?? []) {
      recorder.redact(name);
    }
    return new Recorder(recorder, {
      origin,
      header: core.header(origin),
      sign: signing.sign ?? (() => Promise.reject(new Error("the core signs"))),
      verifies: verifies && ((bytes, signature) => verifies(signing.key, bytes, signature)),
      to,
      limitBytes,
      now: options.now ?? Date.now,
      random: options.random ?? ((bytes) => crypto.getRandomValues(bytes)),
    });
  };
}

function checked(options: RecorderOptions): RecorderOptions {
  const refuse = (member: keyof RecorderOptions, message: string, hint: string) => {
    throw new CountersignError("options.invalid", message, { member, hint });
  };
  const isCount = (value: number | undefined) => value === undefined || (Number.isInteger(value) && value > 0);
  if (typeof options?.origin !== "string") {
    refuse("origin", "no origin", "give the name that the log's checkpoints bear, such as example.com/audit");
  }
  if (typeof options.to !== "function") {
    refuse("to", "nothing takes the lines", "give a function, or memory()");
  }
  if (!isCount(options.signEvery) || (options.signEvery ?? 0) > 0xffff_ffff) {
    refuse("signEvery", "not a whole number of links", "leave it out to sign once a flush");
  }
  if (!isCount(options.limitBytes)) {
    refuse("limitBytes", "not a whole number of bytes", "leave it out for 16 MiB");
  }
  if (options.redact?.some((name) => typeof name !== "string" || !name.isWellFormed())) {
    refuse("redact", "not a list of names", 'give strings, such as ["password", "ssn"]');
  }
  return options;
}
