/** `createRecorder`, for a given artefact. */

import { cleartext } from "../deliver/collector.js";
import { toCollector } from "../deliver/destination.js";
import { toTransport } from "../deliver/to-transport.js";
import { CountersignError } from "../error.js";
import { RecorderOutbox } from "../outbox/recorder-outbox.js";
import { refuseOldEngine } from "../supported.js";
import { Chain } from "./chain.js";
import { Clock } from "./clock.js";
import { type Core, type CoreLogTrust, inCore } from "./core.js";
import type { EventOf } from "./event.js";
import type { Lifecycle } from "./lifecycle.js";
import { type RecorderOptions, type Settings, settings } from "./options.js";
import { Recorder } from "./recorder.js";
import { brokenSignerKey, external, type KeyHandle, SIGNER_PREFIX, type Signer, type Signing } from "./signer.js";
import { tell } from "./tell.js";

/** Begins a chain; of events of a catalogue, where there is one, or as the type parameter says. */
export type CreateRecorder = <Events = unknown>(options: RecorderOptions<Events>) => Promise<Recorder<EventOf<Events>>>;

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

/** Makes the `createRecorder` of an artefact, for a runtime whose life is followed. */
export function creator<Trust extends CoreLogTrust>(variant: Variant<Trust>, lifecycle: Lifecycle): CreateRecorder {
  return async <Events>(options: RecorderOptions<Events>) => {
    refuseOldEngine();
    const chosen = settings(options);
    const core = await variant.load();
    const { origin, destination } = route(core, variant, chosen);
    const outbox = new RecorderOutbox(chosen.outbox);
    const clock = new Clock(chosen.now);
    const begin = beginner(core, variant, chosen, origin, outbox, clock);
    const chain = await begin(chosen.key);
    const recorder = await outbox.open(
      (found) =>
        new Recorder<EventOf<Events>>({
          origin,
          settings: chosen,
          clock,
          outbox,
          destination,
          lifecycle,
          begin,
          chain,
          found,
        }),
    );
    if ("collector" in chosen.to && chosen.to.collector.isCleartext) {
      tell(chosen.onError, cleartext(chosen.to.collector));
    }
    return recorder;
  };
}

function route<Trust extends CoreLogTrust>(core: Core<Trust>, { prove }: Variant<Trust>, { to }: Settings) {
  if ("transport" in to) {
    const header = inCore(() => core.header(to.origin));
    return { origin: to.origin, destination: toTransport(to.transport, header) };
  }
  const trust = readLog(core, to.log.trim());
  const destination = toCollector(to.collector, (proof, leaf) => prove(trust, proof, leaf));
  return { origin: trust.origin, destination };
}

function readLog<Trust extends CoreLogTrust>(core: Core<Trust>, text: string): Trust {
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

/** What makes chains under a key, each time anew. */
function beginner<Trust extends CoreLogTrust>(
  core: Core<Trust>,
  { readKey, verifies }: Variant<Trust>,
  { signEvery, redact, random, timeoutMs }: Settings,
  origin: string,
  outbox: RecorderOutbox,
  { now }: Clock,
) {
  const means = {
    now,
    random,
    id: () => outbox.id(),
  };
  return async (key: string | KeyHandle | Signer) => {
    const signing = typeof key === "string" ? await readKey(key.trim()) : external(key);
    const seal = {
      sign: signing.sign,
      timeout: timeoutMs,
      verifies:
        verifies &&
        ((bytes: Uint8Array<ArrayBuffer>, signature: Uint8Array) => verifies(signing.key, bytes, signature)),
    };
    const begun = () => {
      const recorder = ofKey(key, () => new core.Recorder(origin, signing.key, signEvery, redact.known));
      for (const path of redact.paths) {
        recorder.redact(path);
      }
      recorder.keepUnstored(outbox.isDurable);
      return new Chain(recorder, seal, means);
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
