/** What a page can be asked to do with keys of its own. */

import {
  type BrowserKeyOptions,
  browserKey,
  forgetBrowserKey,
  type GrantedKey,
  type GrantedKeyOptions,
  grantedKey,
} from "../../../packages/countersign/dist/browser.js";
import { createRecorder, generateKey, type Recorder } from "../../../packages/countersign/dist/record/record.js";

/** How to begin: `fallback` for the one there is. */
type Begin = Omit<GrantedKeyOptions, "from" | "fallback"> & { from?: string; fallback?: boolean };

let granted: GrantedKey | undefined;
let audit: Recorder | undefined;
const errors: string[] = [];
let onRotated: () => void = () => {};
const rotated = new Promise<void>((resolve) => {
  onRotated = resolve;
});

const page = {
  /** The key, and what a script can learn of it. */
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
  /** Begins to record under a key that the server grants. */
  async begin({ fallback, ...options }: Begin, to: string, log: string) {
    const chosen = fallback ? { fallback: generateKey } : {};
    const onError = ({ code }: { code: string }) => errors.push(code);
    granted = await grantedKey({ from: "/audit/grant", onError, ...options, ...chosen });
    audit = await createRecorder({ key: granted.key, to, log, autoFlush: false }).ready();
    const recorder = audit;
    granted.follow({ rotate: (key) => recorder.rotate(key).then(onRotated) });
    return { vkey: granted.vkey, until: granted.until?.getTime() };
  },
  /** Records one event, and gives where the log has it. */
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
  /** Waits until the recorder goes on under a key that was granted anew. */
  rotated: () => rotated,
  until: async () => granted?.until?.getTime(),
  close: async () => audit?.close(),
};

/** A call by name, whose outcome can cross to the test. */
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
