/** The functions for outboxes that a page exposes. */

import { type IndexedDbOutboxOptions, indexedDbOutbox } from "../../../packages/countersign/dist/outbox/indexeddb.js";
import type { Entry, Outbox } from "../../../packages/countersign/dist/outbox/outbox.js";
import { entry, failures, texts } from "../conformance.ts";

const open = new Map<string, Outbox>();
const of = (label: string) => open.get(label) ?? missing(label);

const page = {
  /** Runs the cases shared by all outboxes. */
  conformance: () => failures((nth) => () => indexedDbOutbox({ name: `case ${nth}` }), { shared: true }),

  /** Opens an outbox, and returns its entries. */
  async open(label: string, options?: IndexedDbOutboxOptions): Promise<[number, string][]> {
    const outbox = indexedDbOutbox(options);
    open.set(label, outbox);
    return shown(await outbox.open());
  },
  orphans: async (label: string, first: number) => shown((await of(label).orphans?.(first)) ?? []),
  write: (label: string, put: readonly [number, string][], remove: readonly number[] = []) =>
    of(label).write({ put: put.map(([id, text]) => entry(id, text)), remove }),
  close: (label: string) => of(label).close(),
  /** Writes this many bytes. */
  fill: (label: string, id: number, bytes: number) =>
    of(label).write({ put: [{ id, bytes: new Uint8Array(bytes).map(() => Math.random() * 256) }], remove: [] }),
  /** Writes two consecutive changes when the page is left. */
  writeWhenLeft: (label: string, ids: readonly number[]) =>
    addEventListener("pagehide", () => {
      for (const id of ids) {
        void of(label).write({ put: [entry(id, `${id}`)], remove: [] });
      }
    }),
  /** Runs a function in a worker. */
  inWorker: async (name: string, args: unknown[]) => {
    worker ??= new Worker("/worker.js", { type: "module" });
    return answer(worker, name, args);
  },
  endWorker: () => {
    worker?.terminate();
    worker = undefined;
  },
  inServiceWorker: async (name: string, args: unknown[]) => {
    await navigator.serviceWorker.register("/service.js", { type: "module" });
    const { active } = await navigator.serviceWorker.ready;
    return active && answer(active, name, args);
  },
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

function shown(entries: readonly Entry[]): [number, string][] {
  const text = texts(entries);
  return entries.map(({ id }, nth) => [id, text[nth] ?? ""]);
}

function missing(label: string): never {
  throw new Error(`no outbox ${label}`);
}

export interface Outcome {
  value?: unknown;
  error?: { code?: string | undefined; message: string; hint?: string | undefined };
}
export type Page = typeof page;

Object.assign(globalThis, { call });

let worker: Worker | undefined;

/** Calls a function in a worker, which runs the same script as the page. */
async function answer(worker: Worker | ServiceWorker, name: string, args: unknown[]): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  const answered = new Promise<Outcome>((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  worker.postMessage({ name, args }, [port2]);
  const { value, error } = await answered;
  if (error !== undefined) {
    throw Object.assign(new Error(error.message), error);
  }
  return value;
}

addEventListener("message", (event) => {
  const { data, ports } = event as MessageEvent<{ name: keyof Page; args: unknown[] }>;
  void call(data.name, data.args).then((outcome) => ports[0]?.postMessage(outcome));
});
