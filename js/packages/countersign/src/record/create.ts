/** Builds `createRecorder` for a given way to load the WebAssembly module. */

import type { ModuleSource } from "../artifact/load.js";
import { toLogServer, toTransport } from "../deliver/destination.js";
import { cleartext } from "../deliver/log-server.js";
import type { CompareHeads, HeadStore } from "../deliver/newest-head.js";
import { serverTime } from "../deliver/server-time.js";
import { CountersignError, callOnError, consoleReporter } from "../error.js";
import { otherEntries, RecorderOutbox } from "../outbox/recorder-outbox.js";
import { own, ownFields } from "../own.js";
import { refuseOldEngine } from "../supported.js";
import { Chain } from "./chain.js";
import { Clock, clockBehind, REPORTED_LAG_MS } from "./clock.js";
import { type Core, inCore, loader } from "./core.js";
import type { EventOf } from "./event.js";
import type { ReplaceablePipeline } from "./event-pipeline.js";
import { noName } from "./key-name.js";
import type { Lifecycle } from "./lifecycle.js";
import { openWithMemoryFallback } from "./memory-fallback.js";
import { type Environment, ownRecorderOptions, type RecorderOptions, type Settings, settings } from "./options.js";
import { Pipeline } from "./pipeline.js";
import { Recorder } from "./recorder.js";
import { RedactionProbe } from "./redaction-probe.js";
import { joinOrOpen } from "./shared-pipeline.js";
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
import { type ReadKey, readTenant, tenantRequest } from "./tenant-creation.js";
import { TenantPipelines } from "./tenant-pipelines.js";
import { withVariables } from "./variables.js";

/**
 * Creates a recorder. Its event type comes from the catalog in the options, or from the type parameter. Without `key`,
 * `to`, or `log`, the environment variables `AUDIT_KEY`, `AUDIT_URL`, and `AUDIT_LOG` are read.
 */
export type CreateRecorder = <Events = unknown>(options?: RecorderOptions<Events>) => Recorder<EventOf<Events>>;

/** Options of a recorder that reads its recorder options when it starts. */
export interface LazyOptions {
  /** Reads the options on each attempt to start, because missing ones may be available later. */
  read: () => Promise<RecorderOptions>;
  /**
   * True if all callers that wait for the start can share one attempt; false if an attempt can end with its caller's
   * context.
   */
  isShared: boolean;
  /**
   * True if the recorder doesn't start without its outbox, and if `record` throws when the recorder is full, unless the
   * options say otherwise.
   */
  required: boolean;
}

/** Generates a key pair with this name. */
export type GenerateKey = (name: string) => Promise<GeneratedKey>;

/** A new key pair. */
export interface GeneratedKey {
  /** The private key as text (`PRIVATE+KEY+…`). Keep it secret: anyone with the key can sign. */
  key: string;
  /** The public key (vkey), for trust files and grants. */
  vkey: string;
  /**
   * Signs a request for a grant of this key, dated `time` (RFC 3339 with milliseconds). `grantedKey` from
   * `countersign/browser` calls it.
   */
  signGrantRequest(time: string): string;
}

/** Differences between runtimes, and test doubles such as a clock and randomness. */
export interface Variant extends Pick<Environment, "manyContexts" | "now" | "random"> {
  /** Reads a private key's text if the runtime signs instead of the WebAssembly module. */
  readKey?: ((text: string) => Promise<Signing>) | undefined;
  /** Replaces the loaded module. */
  wrapped?: (<Artifact>(core: Artifact) => Artifact) | undefined;
}

const VARIANT = ["manyContexts", "now", "random", "readKey", "wrapped"] as const satisfies readonly (keyof Variant)[];

/** Builds the functions of an entry point for a way to load the module and a lifecycle. */
export function recording(source: ModuleSource, lifecycle: Lifecycle, variant: Variant = {}) {
  const { createRecorder, generateKey } = recorderFactory(source, lifecycle, variant);
  return { createRecorder, generateKey };
}

/** Builds the same functions, plus `createLazyRecorder`, whose recorders read their options when they start. */
export function recorderFactory(source: ModuleSource, lifecycle: Lifecycle, variant: Variant = {}) {
  const { readKey, wrapped = <Artifact>(core: Artifact) => core, ...set } = ownFields(variant, VARIANT);
  const loaded = loader(source);
  const load = async () => wrapped(await loaded());
  const openPipeline = async (chosen: Settings, now: () => number) => {
    const hold = chosen.manyContexts && chosen.autoFlush ? await lifecycle.holder?.() : undefined;
    const core = await load();
    const { origin, destination, tenantLog } = route(core, chosen);
    const outbox = new RecorderOutbox(chosen.outbox, (problem) => callOnError(chosen.onError, problem));
    const { readKey: read, chains } = chainMaker(core, readKey, chosen);
    const shared = { settings: chosen, lifecycle, hold };
    const { tenants } = chosen;
    if (tenants !== undefined && tenantLog !== undefined) {
      const key = await read(chosen.key);
      // An invalid key is reported now.
      chains(key, origin, outbox, now)().abandon();
      return outbox.open((found): ReplaceablePipeline => {
        reportOthers(chosen, found.own.length, false);
        return new TenantPipelines({
          ...shared,
          tenants,
          root: origin,
          now,
          outbox,
          found,
          key,
          readKey: read,
          chains: (key, tenant, view, clock) => chains(key, tenant, view, clock.now),
          destination: tenantLog.destination,
          create: (tenant, key) => tenantLog.create(tenant, key),
        });
      });
    }
    const clock = new Clock(now);
    const begin = async (key: string | KeyHandle | Signer) => chains(await read(key), origin, outbox, clock.now);
    const chain = await begin(chosen.key);
    return outbox.open((found): ReplaceablePipeline => {
      reportOthers(chosen, [...found.tenants.values()].flat().length, true);
      return new Pipeline({ ...shared, origin, clock, outbox, destination, begin, chain, found: found.own });
    });
  };
  const open = async (chosen: Settings, now: () => number) => {
    const pipeline = await joinOrOpen(chosen, now, (now) => openPipeline(chosen, now));
    // The pipeline may belong to another copy of this module, but the adapters of this one need the core, too.
    await loaded().catch(() => {});
    return pipeline;
  };
  const openWithFallback = (chosen: Settings, now: () => number) =>
    openWithMemoryFallback(chosen, (chosen) => open(chosen, now));
  const environment = own<Environment>({ ...set, inContexts: lifecycle.holder !== undefined });
  const createRecorder: CreateRecorder = <Events>(options: RecorderOptions<Events> = {}) => {
    refuseOldEngine();
    const chosen = settings(withVariables(ownRecorderOptions(options)), environment);
    mustBeKey(chosen.key);
    const recorder = new Recorder<EventOf<Events>>({
      settings: chosen,
      onError: chosen.onError,
      required: false,
      isShared: !chosen.manyContexts,
      lifecycle,
      open: openWithFallback,
    });
    warnOfCleartext(chosen);
    return recorder;
  };
  const createLazyRecorder = ({ read, isShared, required }: LazyOptions): Recorder => {
    const onError = consoleReporter("", (line) => console.error(line));
    return new Recorder({
      settings: async () => {
        refuseOldEngine();
        const options = withVariables(ownRecorderOptions(await read()));
        const chosen = settings(
          {
            ...options,
            onError: options.onError ?? onError,
            onFull: options.onFull ?? (required ? "throw" : "drop"),
          },
          // If attempts aren't shared, each context flushes separately.
          isShared ? environment : own<Environment>({ ...environment, manyContexts: true }),
        );
        warnOfCleartext(chosen);
        return chosen;
      },
      onError,
      required,
      isShared,
      lifecycle,
      open: required ? open : openWithFallback,
    });
  };
  const generateKey: GenerateKey = async (name) => {
    // The core rejects other invalid names.
    if (typeof name !== "string" || name === "") {
      throw noName();
    }
    const core = await load();
    const seed = crypto.getRandomValues(new Uint8Array(32));
    const [key = "", vkey = ""] = inCore(() => core.signerKey(name, seed));
    seed.fill(0);
    const signGrantRequest = (time: string) => inCore(() => core.signGrantRequest(key, time));
    // Not enumerable, so that copies and serializations contain only the key pair.
    return Object.defineProperty({ key, vkey }, "signGrantRequest", { value: signGrantRequest }) as GeneratedKey;
  };
  return { createRecorder, createLazyRecorder, generateKey };
}

function warnOfCleartext({ to, onError }: Settings): void {
  if ("logServer" in to && to.logServer.isCleartext) {
    callOnError(onError, cleartext(to.logServer));
  }
}

/** Reports entries of the outbox that a recorder with these options doesn't deliver. */
function reportOthers({ onError }: Settings, count: number, areOfTenants: boolean): void {
  if (count > 0) {
    callOnError(onError, otherEntries(count, areOfTenants));
  }
}

function route(core: Core, { to, now, onError, timeoutMs }: Settings) {
  if ("transport" in to) {
    const header = inCore(() => core.header(to.origin));
    return { origin: to.origin, destination: toTransport(to.transport, header), tenantLog: undefined };
  }
  const { logServer } = to;
  const trust = readLog(core, to.log.trim());
  const root = trust.origin;
  const prove = (proof: string, leaf: string) => inCore(() => trust.prove(proof, leaf));
  const dated = (date: number) => {
    if (date - now() > REPORTED_LAG_MS) {
      callOnError(onError, clockBehind(date - now()));
    }
  };
  const compare: CompareHeads = (...heads) => inCore(() => core.compareHeads(...heads));
  const tenantLog = {
    destination(origin: string, heads: HeadStore) {
      const prove = (receipt: string, leaf: string) => inCore(() => trust.proveReceipt(receipt, leaf, origin));
      return toLogServer(logServer.ofTenant(origin.slice(-32)), prove, dated, { origin, heads, compare });
    },
    async create(tenant: string, key: ReadKey) {
      const send = async (date: Date) => {
        const request = await tenantRequest(core, key.signing, root, tenant, date, timeoutMs);
        return await logServer.requestTenant(request, { timeout: timeoutMs, keepalive: false });
      };
      const response = await send(new Date(now()));
      // The log's clock may differ from this one, and it accepts each request once.
      const date = serverTime(response);
      return readTenant(date === undefined ? response : await send(date));
    },
  };
  return { origin: root, destination: toLogServer(logServer, prove, dated), tenantLog };
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
      throw new CountersignError(code, "`log` is a private key", {
        member: "log",
        hint: "pass the log's vkey, and keep the log's private key secret",
      });
    }
    throw new CountersignError(code, `\`log\` is neither a vkey nor a trust file: ${message}`, {
      member: "log",
      hint: `pass the log's vkey, such as example.com/audit+1a2b3c4d+A…, or the text of a trust file${hint === undefined ? "" : `; ${hint}`}`,
      line,
    });
  }
}

/** Runs work in the core and reports errors in the key as errors of the option `key`. */
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

/** Rejects an invalid key without calling the core. */
function mustBeKey(key: string | KeyHandle | Signer): void {
  if (typeof key === "string") {
    signerKey(key.trim());
  } else {
    external(key);
  }
}

/** Returns a function that reads a key, and one that returns a function which starts chains with it. */
function chainMaker(
  core: Core,
  readKey: Variant["readKey"],
  { redact, pathShapes, random, timeoutMs, outbox: stored }: Settings,
) {
  const ofText = async (text: string): Promise<Signing> => readKey?.(text) ?? { key: text, checks: "none" };
  const read = async (given: string | KeyHandle | Signer): Promise<ReadKey> => ({
    given,
    signing: typeof given === "string" ? await ofText(signerKey(given.trim())) : external(given),
  });
  // One for all keys and tenants, which have the same redaction.
  let probe: RedactionProbe | undefined;
  const chains = ({ given, signing }: ReadKey, origin: string, outbox: RecorderOutbox, now: () => number) => {
    const { key, ...seal } = signing;
    const coreRecorder = () => {
      const recorder = ofKey(given, () => new core.Recorder(origin, key, redact.known));
      for (const path of redact.paths) {
        recorder.redact(path);
      }
      for (const path of redact.kept) {
        recorder.keep(path);
      }
      if (pathShapes) {
        recorder.shapePaths();
      }
      return recorder;
    };
    const redacts = (json: string) => {
      probe ??= new RedactionProbe(coreRecorder);
      return probe.redacts(json);
    };
    const context = { now, random, id: () => outbox.id(), redacts };
    const begun = () => {
      const recorder = coreRecorder();
      recorder.keepUnstored(stored !== undefined);
      return new Chain(recorder, { ...seal, timeout: timeoutMs }, context);
    };
    // Creating the first chain now reports an invalid key early.
    let first: Chain | undefined = begun();
    return () => {
      const chain = first ?? begun();
      first = undefined;
      return chain;
    };
  };
  return { readKey: read, chains };
}
