/** Makes `createRecorder`, for a way to load the artifact. */

import type { ModuleSource } from "../artifact/load.js";
import { cleartext } from "../deliver/log-server.js";
import { toLogServer, toTransport } from "../deliver/destination.js";
import { CountersignError, tell, teller } from "../error.js";
import { RecorderOutbox } from "../outbox/recorder-outbox.js";
import { own, ownFields } from "../own.js";
import { refuseOldEngine } from "../supported.js";
import { Chain } from "./chain.js";
import { BEHIND, Clock, clockBehind } from "./clock.js";
import { type Core, inCore, loader } from "./core.js";
import type { EventOf } from "./event.js";
import { noName } from "./key-name.js";
import type { Lifecycle } from "./lifecycle.js";
import { type Environment, ownRecorderOptions, type RecorderOptions, type Settings, settings } from "./options.js";
import { Pipeline } from "./pipeline.js";
import { Recorder } from "./recorder.js";
import {
  brokenSignerKey,
  external,
  type KeyHandle,
  refuseQuotes,
  SIGNER_PREFIX,
  type Signer,
  type Signing,
  signerKey,
} from "./signer.js";

/** Creates a recorder of the events of a catalog, if there is one, or of those that the type parameter says. */
export type CreateRecorder = <Events = unknown>(options: RecorderOptions<Events>) => Recorder<EventOf<Events>>;

/** How a recorder is created whose options are read when it starts. */
export interface LazyOptions {
  /** Reads the options, again in each attempt: what was missing may be there by then. */
  read: () => Promise<RecorderOptions>;
  /** True if those who wait for the start may wait for one attempt: false if the context of an attempt can end before. */
  isShared: boolean;
  /** True if `record` throws when there is no room, unless the options say otherwise. */
  required: boolean;
}

/** Makes a signer key of that name. */
export type GenerateKey = (name: string) => Promise<GeneratedKey>;

/** A new signer key. */
export interface GeneratedKey {
  /** The secret: `PRIVATE+KEY+…`. Who has it can sign. */
  key: string;
  /** The verifier key, for trust files and for grants. */
  vkey: string;
}

/** What differs between runtimes, and for tests: a clock and randomness among it. */
export interface Variant extends Pick<Environment, "manyContexts" | "now" | "random"> {
  /** How a runtime signs with a signer key's text, where the artifact does not. */
  readKey?: ((text: string) => Promise<Signing>) | undefined;
  /** Gives what stands in the artifact's place. */
  wrapped?: (<Artifact>(core: Artifact) => Artifact) | undefined;
}

/** The fields of a variant. */
const VARIANT = ["manyContexts", "now", "random", "readKey", "wrapped"] as const satisfies readonly (keyof Variant)[];

/** Makes the entry's functions for a runtime's way to load the artifact, and its way to end. */
export function recording(source: ModuleSource, lifecycle: Lifecycle, variant: Variant = {}) {
  const { createRecorder, generateKey } = recorderFactory(source, lifecycle, variant);
  return { createRecorder, generateKey };
}

/** Makes these functions, and the one that creates recorders whose options are read later. */
export function recorderFactory(source: ModuleSource, lifecycle: Lifecycle, variant: Variant = {}) {
  const { readKey, wrapped = <Artifact>(core: Artifact) => core, ...set } = ownFields(variant, VARIANT);
  const loaded = loader(source);
  const load = async () => wrapped(await loaded());
  const open = async (chosen: Settings, now: () => number) => {
    const hold = chosen.manyContexts && chosen.autoFlush ? await lifecycle.holder?.() : undefined;
    const core = await load();
    const { origin, destination } = route(core, chosen);
    const outbox = new RecorderOutbox(chosen.outbox, (problem) => tell(chosen.onError, problem));
    const clock = new Clock(now);
    const begin = beginner(core, readKey, chosen, origin, outbox, clock);
    const chain = await begin(chosen.key);
    return outbox.open(
      (found) =>
        new Pipeline({
          origin,
          settings: chosen,
          clock,
          outbox,
          destination,
          lifecycle,
          hold,
          begin,
          chain,
          found,
        }),
    );
  };
  const environment = own<Environment>({ ...set, inContexts: lifecycle.holder !== undefined });
  const createRecorder: CreateRecorder = <Events>(options: RecorderOptions<Events>) => {
    refuseOldEngine();
    const chosen = settings(options, environment);
    mustBeKey(chosen.key);
    const recorder = new Recorder<EventOf<Events>>({
      settings: chosen,
      onError: chosen.onError,
      required: false,
      isShared: !chosen.manyContexts,
      lifecycle,
      open,
    });
    warnOfCleartext(chosen);
    return recorder;
  };
  const createLazyRecorder = ({ read, isShared, required }: LazyOptions): Recorder => {
    const onError = teller("", (line) => console.error(line));
    return new Recorder({
      settings: async () => {
        refuseOldEngine();
        const options = ownRecorderOptions(await read());
        const chosen = settings(
          {
            ...options,
            onError: options.onError ?? onError,
            onFull: options.onFull ?? (required ? "throw" : "drop"),
          },
          // A context whose attempt is not shared ends by itself.
          isShared ? environment : own<Environment>({ ...environment, manyContexts: true }),
        );
        warnOfCleartext(chosen);
        return chosen;
      },
      onError,
      required,
      isShared,
      lifecycle,
      open,
    });
  };
  const generateKey: GenerateKey = async (name) => {
    // What a text holds that no name can is said by the core.
    if (typeof name !== "string" || name === "") {
      throw noName();
    }
    const core = await load();
    const seed = crypto.getRandomValues(new Uint8Array(32));
    const [key = "", vkey = ""] = inCore(() => core.signerKey(name, seed));
    seed.fill(0);
    return { key, vkey };
  };
  return { createRecorder, createLazyRecorder, generateKey };
}

function warnOfCleartext({ to, onError }: Settings): void {
  if ("log_server" in to && to.logServer.isCleartext) {
    tell(onError, cleartext(to.logServer));
  }
}

function route(core: Core, { to, now, onError }: Settings) {
  if ("transport" in to) {
    const header = inCore(() => core.header(to.origin));
    return { origin: to.origin, destination: toTransport(to.transport, header) };
  }
  const trust = readLog(core, to.log.trim());
  const prove = (proof: string, leaf: string) => inCore(() => trust.prove(proof, leaf));
  const destination = toLogServer(to.logServer, prove, (date) => {
    if (date - now() > BEHIND) {
      tell(onError, clockBehind(date - now()));
    }
  });
  return { origin: trust.origin, destination };
}

function readLog(core: Core, text: string) {
  refuseQuotes(text, "log");
  try {
    return inCore(() => new core.LogTrust(text));
  } catch (cause) {
    if (!(cause instanceof CountersignError) || cause.code === "wasm.failed") {
      throw cause;
    }
    const { code, message, hint, line } = cause;
    if (text.startsWith(SIGNER_PREFIX)) {
      throw new CountersignError(code, "log is a signer key, which is a secret of whoever runs the log", {
        member: "log",
        hint: "give the log's verifier key, and keep the other out of here",
      });
    }
    throw new CountersignError(code, `log is neither a vkey nor a trust file: ${message}`, {
      member: "log",
      hint: `give the log's vkey, such as example.com/audit+1a2b3c4d+A…, or a trust file's text${hint === undefined ? "" : `; ${hint}`}`,
      line,
    });
  }
}

/** What the core says of a key, said of the option. */
function ofKey<T>(key: string | KeyHandle | Signer, work: () => T): T {
  try {
    return inCore(work);
  } catch (cause) {
    if (!(cause instanceof CountersignError) || cause.code !== "key.invalid") {
      throw cause;
    }
    if (typeof key === "string") {
      throw brokenSignerKey();
    }
    const { message, hint } = cause;
    throw new CountersignError("key.invalid", `vkey: ${message}`, { member: "key", hint });
  }
}

/** Refuses a key of which the core need not be asked. */
function mustBeKey(key: string | KeyHandle | Signer): void {
  if (typeof key === "string") {
    signerKey(key.trim());
  } else {
    external(key);
  }
}

/** Returns a function that reads a key and returns what begins chains under it. */
function beginner(
  core: Core,
  readKey: Variant["readKey"],
  { redact, pathShapes, random, timeoutMs }: Settings,
  origin: string,
  outbox: RecorderOutbox,
  { now }: Clock,
) {
  const means = { now, random, id: () => outbox.id() };
  const ofText = async (text: string): Promise<Signing> => readKey?.(text) ?? { key: text, checks: "none" };
  return async (key: string | KeyHandle | Signer) => {
    const { key: read, ...signing } = typeof key === "string" ? await ofText(signerKey(key.trim())) : external(key);
    const begun = () => {
      const recorder = ofKey(key, () => new core.Recorder(origin, read, redact.known));
      for (const path of redact.paths) {
        recorder.redact(path);
      }
      for (const path of redact.kept) {
        recorder.keep(path);
      }
      if (pathShapes) {
        recorder.shapePaths();
      }
      recorder.keepUnstored(outbox.isDurable);
      return new Chain(recorder, { ...signing, timeout: timeoutMs }, means);
    };
    // What is wrong with the key shows now.
    let first: Chain | undefined = begun();
    return () => {
      const chain = first ?? begun();
      first = undefined;
      return chain;
    };
  };
}
