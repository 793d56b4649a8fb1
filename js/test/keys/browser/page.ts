/** The functions for keys that a page exposes. */

import {
  type BrowserKeyOptions,
  browserKey,
  forgetBrowserKey,
  type GrantedKey,
  type GrantedKeyOptions,
  grantedKey,
} from "../../../packages/countersign/dist/browser.js";
import { createRecorder, generateKey, type Recorder } from "../../../packages/countersign/dist/record/record.js";

/** Options of `begin`; `fallback: true` selects the only fallback. */
type Begin = Omit<GrantedKeyOptions, "from" | "fallback"> & { from?: string; fallback?: boolean };

let granted: GrantedKey | undefined;
let audit: Recorder | undefined;
const errors: string[] = [];
let onRotated: () => void = () => {};
const rotated = new Promise<void>((resolve) => {
  onRotated = resolve;
});

const page = {
  /** Returns the key, and what a script can learn of it. */
  async key({ fallback, ...options }: Omit<BrowserKeyOptions, "fallback"> & { fallback?: boolean }) {
    const { key, vkey } = await browserKey({ ...options, ...(fallback ? { fallback: generateKey } : {}) });
    if (typeof key === "string") {
      return { vkey, secret: key, extractable: true, exported: "as text" };
    }
    const { extractable } = key.privateKey;
    const exported = await crypto.subtle.exportKey("pkcs8", key.privateKey).then(
      () => "exported",
      (error: Error) => error.name,
    );
    return { vkey, extractable, exported };
  },
  forget: (options: { issuer: string; session?: string }) => forgetBrowserKey(options),
  /** Starts recording with a key granted by the server. */
  async begin({ fallback, ...options }: Begin, to: string, log: string) {
    const chosen = fallback ? { fallback: generateKey } : {};
    const onError = ({ code }: { code: string }) => errors.push(code);
    granted = await grantedKey({ from: "/audit/grant", onError, ...options, ...chosen });
    audit = await createRecorder({ key: granted.key, to, log, autoFlush: false }).ready();
    const recorder = audit;
    granted.follow({ rotate: (key) => recorder.rotate(key).then(onRotated) });
    return { vkey: granted.vkey, until: granted.until?.getTime() };
  },
  /** Records an event, and returns its position in the log. */
  async record(action: string) {
    const handle = audit?.record({ action });
    await audit?.flush();
    const receipt = await handle?.delivered();
    return { chain: receipt?.chain, proof: receipt?.proof, errors };
  },
  renew: async (fresh: boolean) => {
    await granted?.renew({ fresh });
    return granted?.vkey;
  },
  /** Waits until the recorder continues with a renewed key. */
  rotated: () => rotated,
  until: async () => granted?.until?.getTime(),
  close: async () => audit?.close(),
};

/** Calls a function by name, with a result that can be sent to the test. */
async function call(name: keyof typeof page, args: unknown[]): Promise<Outcome> {
  try {
    return { value: await (page[name] as (...args: unknown[]) => unknown)(...args) };
  } catch (error) {
    const { code, message, hint } = error as { code?: string; message: string; hint?: string };
    return { error: { code, message, hint } };
  }
}

export interface Outcome {
  value?: unknown;
  error?: { code?: string | undefined; message: string; hint?: string | undefined };
}
export type Page = typeof page;

Object.assign(globalThis, { call });
