/** What a page can be asked to do with its outboxes. */

import { type IndexedDbOutboxOptions, indexedDbOutbox } from "../../../src/browser.ts";
import type { Entry, Outbox } from "../../../src/outbox/outbox.ts";
import { entry, failures, texts } from "../conformance.ts";

const open = new Map<string, Outbox>();
const of = (label: string) => open.get(label) ?? missing(label);

const page = {
  /** Runs the cases that all outboxes share. */
  conformance: () => failures((nth) => () => indexedDbOutbox({ name: `case ${nth}` }), { shared: true }),

  /** Opens an outbox, and gives what is in it. */
  async open(label: string, options?: IndexedDbOutboxOptions): Promise<[number, string][]> {
    const outbox = indexedDbOutbox(options);
    open.set(label, outbox);
    return shown(await outbox.open());
  },
  orphans: async (label: string, first: number) => shown((await of(label).orphans?.(first)) ?? []),
  write: (label: string, put: readonly [number, string][], remove: readonly number[] = []) =>
    of(label).write({ put: put.map(([id, text]) => entry(id, text)), remove }),
  close: (label: string) => of(label).close(),
  /** Writes so many bytes. */
  fill: (label: string, id: number, bytes: number) =>
    of(label).write({
      put: [{ id, bytes: crypto.getRandomValues(new Uint8Array(Math.min(bytes, 65_536))) }],
      remove: [],
    }),
  locks: async () => (await navigator.locks.query()).held?.map(({ name }) => name) ?? [],
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
