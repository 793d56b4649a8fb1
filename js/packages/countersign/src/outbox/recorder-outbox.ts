/**
 * A recorder's view of its outbox: encodes events and batches as entries, and assigns IDs.
 *
 * The form of an entry:
 *
 *   e<line>                             an event without a link, in the core's form
 *   b<chain> <from> <to>\n<lines>       a batch
 *   t<JSON string of tenant>\n<entry>   one of these, of a tenant
 *   o<JSON string of tenant>\n<origin>  the origin of a tenant's log
 *   h<JSON string of tenant>\n<origin>\n<since>\n<head proof>  the newest head of a tenant's log
 *   u<JSON string of tenant>\n<JSON>    why the newest answer about a tenant's log could not be used
 *   x<JSON string of tenant>\n<JSON>    why a tenant's log must not be written to; never removed
 *   v<ID>                               there are values; the value without a name has this ID
 *   i<lines>                            the IDs of delivered events (event-ids.ts)
 *
 * The states of logs that no event waits for are values of the outbox (`ValueStore`), by tenant, in the form of an `h`
 * entry. Its entries `o` and `h` are then removed. They are newer than the value, or the same. Storage without values
 * keeps these entries.
 */

import { concat } from "../bytes.js";
import type { Batch } from "../deliver/batch.js";
import type { HeadStore, SeenHead } from "../deliver/newest-head.js";
import { CountersignError, coded } from "../error.js";
import type { PendingEvent } from "../record/handle.js";
import { EventIds, eventKey, type KnownEvent } from "./event-ids.js";
import { contradictionEntry, headEntry, NewestHeads, unprovenEntry } from "./newest-heads.js";
import { type Entry, ORPHAN_IDS, type Outbox, type ValueStore } from "./outbox.js";

/** An event or a batch restored from an outbox. */
export type RestoredItem =
  /** An event without a link, in the core's form. */
  { kind: "event"; id: number; line: string } | { kind: "batch"; batch: Batch };

/** The contents of an outbox. */
export interface RestoredItems {
  /** Items of a recorder without tenants. */
  readonly own: RestoredItem[];
  readonly tenants: Map<string, RestoredItem[]>;
  /** The origins of tenants' logs. */
  readonly origins: Map<string, string>;
  /** Why logs of tenants must not be written to. */
  readonly contradictions: Map<string, CountersignError>;
}

/** A recorder that can pass its outbox on to another. */
export interface Replaceable {
  /** Stops its work and releases the outbox with all its entries. */
  handOver(): Promise<void>;
  /** Forwards later calls to the successor. */
  replaceBy(successor: Replaceable): void;
}

const HOLDERS = Symbol.for("countersign.outboxes.v1");

/** Returns the holders of outboxes in this program, shared by all copies of this module. */
function holders(): Map<string, Replaceable> {
  const shared = globalThis as { [HOLDERS]?: Map<string, Replaceable> };
  shared[HOLDERS] ??= new Map();
  return shared[HOLDERS];
}

declare const process: { readonly env: { readonly [name: string]: string | undefined } };

/**
 * True in development, where modules are reloaded while the program runs. Elsewhere, two recorders for one outbox are a
 * mistake.
 */
export function isReloading(): boolean {
  try {
    return process.env.NODE_ENV === "development";
  } catch {
    return false;
  }
}

const EVENT = 0x65;
const BATCH = 0x62;
const TENANT = 0x74;
const ORIGIN = 0x6f;
const HEAD = 0x68;
const UNPROVEN = 0x75;
const CONTRADICTION = 0x78;
const VALUES = 0x76;
const IDS = 0x69;
/** Maximum number of tenants whose unreadable state is not reported again. */
const MAX_REPORTED = 1_024;
/** The kinds of entries that name a tenant. */
const OF_TENANTS: readonly (number | undefined)[] = [TENANT, ORIGIN, HEAD, UNPROVEN, CONTRADICTION];

/** State that the views of one outbox share. */
interface Shared {
  next: number;
  /** Entries whose removal is pending. */
  removable: number[];
  readonly heads: NewestHeads;
  /** The IDs of events. */
  readonly ids: EventIds;
  /** The IDs of entries with the origin of a tenant's log, by tenant. */
  readonly origins: Map<string, readonly number[]>;
  /** The ID that the values have, or are about to have. */
  valuesId: string | undefined;
  /** Storing the note that there are values. */
  beginningValues: Promise<void> | undefined;
  /** Tenants whose state in the values can't be read, which was reported. */
  readonly reported: Set<string>;
}

/** A tenant, and the origin of its log. */
interface TenantOf {
  readonly tenant: string;
  readonly origin: string;
}

export class RecorderOutbox implements HeadStore {
  readonly #outbox: Outbox | undefined;
  readonly #report: (problem: CountersignError) => void;
  readonly #shared: Shared;
  /** The tenant, if this is the view of one. */
  readonly #of: TenantOf | undefined;
  /** The beginning of each entry. */
  readonly #prefix: string;

  /** `report` is called with entries that can't be read; the others are used. */
  constructor(
    outbox: Outbox | undefined,
    report: (problem: CountersignError) => void = () => {},
    shared: Shared = {
      next: 1,
      removable: [],
      heads: new NewestHeads(outbox !== undefined),
      ids: new EventIds(),
      origins: new Map(),
      valuesId: undefined,
      beginningValues: undefined,
      reported: new Set(),
    },
    of?: TenantOf,
  ) {
    this.#outbox = outbox;
    this.#report = report;
    this.#shared = shared;
    this.#of = of;
    this.#prefix = of === undefined ? "" : `t${JSON.stringify(of.tenant)}\n`;
  }

  /** Returns a view for the events, batches, and heads of a tenant. Closing it has no effect. */
  forTenant(tenant: string, origin: string): RecorderOutbox {
    const outbox = this.#outbox;
    const view: Outbox | undefined = outbox && {
      open: () => Promise.resolve([]),
      write: (change) => outbox.write(change),
      ...(this.writesNow ? { writeNow: (change) => outbox.writeNow?.(change) } : {}),
      close: () => {},
    };
    return new RecorderOutbox(view, this.#report, this.#shared, { tenant, origin });
  }

  /** The newest head of this tenant's log. */
  get seen(): SeenHead {
    return this.#log.seen;
  }

  /** Why nothing more may be sent to this tenant's log. */
  get contradiction(): CountersignError | undefined {
    return this.#log.contradiction;
  }

  takeDisplaced(): readonly SeenHead[] {
    return this.#log.displaced.splice(0);
  }

  /** Keeps a newer head, which is stored when delivered entries are removed. */
  see(head: SeenHead): void {
    const log = this.#log;
    log.seen = head;
    log.isStored = head.proof === undefined;
    log.stale = [...log.stale, ...log.unprovenIds];
    [log.unproven, log.unprovenIds] = [undefined, []];
  }

  contradict(error: CountersignError): void {
    this.#log.contradiction = error;
  }

  keepUnproven(error: CountersignError): void {
    const [log, outbox, of] = [this.#log, this.#outbox, this.#of];
    // Attempts that fail in the same way, at later ticks, would write it again and again.
    const isKnown = log.unproven !== undefined && withoutNumbers(log.unproven) === withoutNumbers(error.message);
    if (outbox === undefined || of === undefined || isKnown) {
      return;
    }
    const [id, remove] = [this.id(), log.unprovenIds];
    [log.unproven, log.unprovenIds] = [error.message, [id]];
    const bytes = this.#encode(UNPROVEN, unprovenEntry(of.origin, error));
    guarded(async () => outbox.write({ put: [{ id, bytes }], remove })).catch((cause: CountersignError) => {
      // An entry that was not removed is removed with the next one.
      log.unproven = undefined;
      log.unprovenIds = [...log.unprovenIds, ...remove];
      this.#report(cause);
    });
  }

  /** Stores why nothing more may be sent to this tenant's log. */
  async keepContradiction(): Promise<void> {
    const error = this.contradiction;
    if (this.#outbox !== undefined && error !== undefined) {
      const bytes = this.#encode(CONTRADICTION, contradictionEntry(error));
      await guarded(async () => this.#outbox?.write({ put: [{ id: this.id(), bytes }], remove: [] }));
    }
  }

  get #log() {
    return this.#shared.heads.of(this.#of?.origin ?? "");
  }

  /** Encodes an entry that names this tenant. */
  #encode(kind: number, content: string): Uint8Array {
    return encode(kind, this.#of?.tenant ?? "", content);
  }

  /** True if the entries contain the origin of a tenant's log. */
  hasOrigin(tenant: string): boolean {
    return this.#shared.origins.has(tenant);
  }

  /** Remembers the origin of a tenant's log. */
  async keepOrigin(tenant: string, origin: string): Promise<void> {
    if (this.#outbox !== undefined) {
      const id = this.id();
      this.#addOrigin(tenant, id);
      const bytes = encode(ORIGIN, tenant, origin);
      await guarded(async () => this.#outbox?.write({ put: [{ id, bytes }], remove: [] }));
    }
  }

  #addOrigin(tenant: string, id: number): void {
    const { origins } = this.#shared;
    origins.set(tenant, [...(origins.get(tenant) ?? []), id]);
  }

  /**
   * Reads the state of a tenant's log that isn't in memory. Returns the log's origin; undefined if the outbox has no
   * state. A damaged or missing state is reported once, and then counts as none.
   */
  recall(tenant: string): string | undefined {
    try {
      const bytes = this.#outbox?.values?.get(tenant);
      if (bytes === undefined) {
        return undefined;
      }
      const named = bytes[0] === HEAD ? tenantOf({ id: 0, bytes }) : undefined;
      if (named?.tenant !== tenant) {
        throw new CountersignError("outbox.damaged", "a value of the outbox was not written by a recorder", {
          hint: "check whether other code uses this storage",
        });
      }
      return this.#shared.heads.recall(named.rest);
    } catch (cause) {
      const error = failed(cause);
      if (error.code !== "outbox.damaged") {
        throw error;
      }
      this.#reportLostState(tenant, error);
      return undefined;
    }
  }

  #reportLostState(tenant: string, error: CountersignError): void {
    const { reported } = this.#shared;
    if (reported.has(tenant)) {
      return;
    }
    if (reported.size >= MAX_REPORTED) {
      reported.clear();
    }
    reported.add(tenant);
    this.#report(lostState(tenant, error));
  }

  /**
   * Moves the state of a tenant's log to the values of the outbox, and out of memory if `letGo` returns true. It stays in
   * memory if the outbox has no values, or if something else is to be stored first.
   */
  async release(tenant: string, origin: string, letGo: () => boolean): Promise<void> {
    const [values, shared] = [this.#outbox?.values, this.#shared];
    if (values === undefined) {
      return;
    }
    const log = shared.heads.of(origin);
    const isSettled = () => log.isStored && log.contradiction === undefined && log.unproven === undefined;
    const { seen } = log;
    if (!isSettled()) {
      return;
    }
    await this.#beginValues(values);
    await guarded(() => values.set(tenant, encode(HEAD, tenant, headEntry(origin, seen))));
    shared.reported.delete(tenant);
    if (log.seen === seen && isSettled() && letGo()) {
      // Removed with the next entries. Until then, they are equal to the value.
      shared.removable.push(...log.stale, ...(shared.origins.get(tenant) ?? []));
      shared.origins.delete(tenant);
      shared.heads.forget(origin);
    }
  }

  /** Notes in an entry that there are values, so that their loss is noticed. */
  async #beginValues(values: ValueStore): Promise<void> {
    const shared = this.#shared;
    if (shared.valuesId !== undefined) {
      return;
    }
    // All releases wait until the note is stored.
    shared.beginningValues ??= this.#noteValues(values).finally(() => {
      shared.beginningValues = undefined;
    });
    await shared.beginningValues;
  }

  async #noteValues(values: ValueStore): Promise<void> {
    const id = crypto.randomUUID();
    await guarded(() => values.set("", new TextEncoder().encode(id)));
    const bytes = new TextEncoder().encode(`v${id}`);
    await guarded(async () => this.#outbox?.write({ put: [{ id: this.id(), bytes }], remove: [] }));
    this.#shared.valuesId = id;
  }

  /** Reports if the values that the entries mention are missing, or if their ID is damaged. */
  async #checkValues(): Promise<void> {
    const { valuesId } = this.#shared;
    if (valuesId === undefined) {
      return;
    }
    const values = this.#outbox?.values;
    const problem = await guarded(async () => problemOf(values, valuesId));
    if (problem !== undefined) {
      this.#report(problem);
      // Reported once: values from now on are complete.
      await guarded(async () => values?.set("", new TextEncoder().encode(valuesId)));
    }
  }

  /** True if events outlive the recorder. */
  get isDurable(): boolean {
    return this.#outbox !== undefined;
  }

  /** Opens the outbox and passes its entries to `make`. Closes it again if `make` throws. */
  async open<T extends Replaceable>(make: (found: RestoredItems) => T): Promise<T> {
    const key = this.#outbox?.key;
    const before = key === undefined ? undefined : holders().get(key);
    // If this fails, another recorder may be using it.
    const open = () => guarded(async () => (await this.#outbox?.open(this.#report)) ?? []);
    const [entries, replaced] = await open().then(
      (entries) => [entries, undefined] as const,
      async (cause: CountersignError) => {
        if (cause.code !== "outbox.in_use" || before === undefined || !isReloading()) {
          throw cause;
        }
        await before.handOver();
        return [await open(), before] as const;
      },
    );
    try {
      const found = this.#read(entries);
      await this.#checkValues();
      const holder = make(found);
      replaced?.replaceBy(holder);
      if (key !== undefined) {
        holders().set(key, holder);
      }
      return holder;
    } catch (cause) {
      // The first error is the one to fix.
      await this.close().catch(() => {});
      throw cause;
    }
  }

  /** True if ended recorders can leave entries in it. */
  get hasOrphans(): boolean {
    return this.#outbox?.orphans !== undefined;
  }

  /** Returns entries of recorders that ended since the last call. */
  async orphans(): Promise<RestoredItems> {
    const outbox = this.#outbox;
    if (outbox?.orphans === undefined) {
      return noItems();
    }
    const first = this.#shared.next;
    this.#shared.next += ORPHAN_IDS;
    return this.#read(await guarded(async () => (await outbox.orphans?.(first)) ?? []));
  }

  /** Stores events, replacing these entries. Sets each event's ID, unless storing fails. */
  async keepEvents(
    lines: readonly string[],
    pending: readonly PendingEvent[],
    remove: readonly number[] = [],
  ): Promise<void> {
    const put = lines.map((line, nth): Entry => {
      const id = this.id();
      const one = pending[nth];
      if (one !== undefined) {
        one.id = id;
      }
      return this.#event(id, line);
    });
    try {
      await guarded(async () => this.#outbox?.write({ put, remove }));
    } catch (error) {
      for (const one of pending) {
        one.id = undefined;
      }
      throw error;
    }
  }

  /** Stores a batch, replacing its events. */
  async keep(batch: Batch): Promise<void> {
    if (this.#outbox !== undefined) {
      const remove = batch.pending.flatMap(({ id }) => id ?? []);
      await guarded(async () => this.#outbox?.write({ put: [this.#batch(batch)], remove }));
    }
    batch.isStored = true;
    for (const one of batch.pending) {
      one.keep();
    }
  }

  /** True if it can store synchronously when a program exits. */
  get writesNow(): boolean {
    return typeof this.#outbox?.writeNow === "function";
  }

  /** Stores events, in the core's form, and batches synchronously before the program exits. */
  keepNow(events: readonly { line: string; pending: PendingEvent }[], batches: readonly Batch[]): void {
    const put: Entry[] = [];
    for (const { line, pending } of events) {
      // A running write may have assigned an ID already.
      pending.id ??= this.id();
      put.push(this.#event(pending.id, line));
    }
    for (const batch of batches) {
      put.push(this.#batch(batch));
    }
    if (put.length === 0) {
      return;
    }
    const remove = batches.flatMap(({ pending }) => pending.flatMap(({ id }) => id ?? []));
    try {
      this.#outbox?.writeNow?.({ put, remove });
    } catch (cause) {
      throw failed(cause);
    }
    for (const { pending } of events) {
      pending.keep();
    }
    for (const batch of batches) {
      batch.isStored = true;
      for (const one of batch.pending) {
        one.keep();
      }
    }
  }

  /** Returns the key of an event with an `id`, given its JSON; undefined for other events. */
  keyOf(json: string): string | undefined {
    return eventKey(json, this.#of?.tenant ?? "");
  }

  /** Returns the event that was recorded with this key. */
  known(key: string): KnownEvent | undefined {
    return this.#shared.ids.find(key);
  }

  /** Remembers an event by its key. */
  remember(key: string, pending: PendingEvent): void {
    this.#shared.ids.add(key, pending);
  }

  /** Lets the events of batches that will never be delivered be recorded again. */
  forget(batches: readonly Batch[]): void {
    this.#shared.ids.forget(batches, this.#of?.tenant ?? "");
  }

  /**
   * Removes delivered batches, and entries whose removal failed before. Stores the IDs of their events and this tenant's
   * newest head with that.
   */
  async remove(batches: readonly Batch[]): Promise<void> {
    const shared = this.#shared;
    shared.ids.deliver(batches, this.#of?.tenant ?? "");
    if (this.#outbox !== undefined && batches.length > 0) {
      const removed = new Set([...shared.removable, ...batches.map(({ id }) => id)]);
      shared.removable = [...removed];
      const head = this.#newHead();
      const ids = shared.ids.newEntry(() => this.id());
      const put = [...(head?.put ?? []), ...(ids === undefined ? [] : [ids.put])];
      await guarded(async () =>
        this.#outbox?.write({ put, remove: [...removed, ...(head?.stale ?? []), ...(ids?.stale ?? [])] }),
      );
      head?.stored();
      ids?.stored();
      // Entries that became removable in the meantime are still stored.
      shared.removable = shared.removable.filter((id) => !removed.has(id));
    }
  }

  /** Returns the entry of a head that isn't stored yet, and the entries that it replaces. */
  #newHead(): { put: Entry[]; stale: readonly number[]; stored: () => void } | undefined {
    const log = this.#log;
    if (this.#of === undefined || log.isStored) {
      return undefined;
    }
    const { seen, stale } = log;
    const entry = { id: this.id(), bytes: this.#encode(HEAD, headEntry(this.#of.origin, seen)) };
    // A write that fails may have stored it.
    log.stale = [...stale, entry.id];
    const stored = () => {
      log.stale = log.stale.filter((id) => !stale.includes(id));
      log.isStored = log.seen === seen;
    };
    return { put: [entry], stale, stored };
  }

  async close(): Promise<void> {
    await guarded(async () => this.#outbox?.close());
  }

  /** Returns a new entry ID. */
  id(): number {
    return this.#shared.next++;
  }

  #event(id: number, line: string): Entry {
    return { id, bytes: new TextEncoder().encode(`${this.#prefix}e${line}`) };
  }

  #batch({ id, chain, from, to, lines }: Batch): Entry {
    const head = new TextEncoder().encode(`${this.#prefix}b${chain} ${from} ${to}\n`);
    return { id, bytes: concat([head, lines]) };
  }

  #read(entries: readonly Entry[]): RestoredItems {
    const { own, tenants, origins, contradictions } = noItems();
    const { heads } = this.#shared;
    for (const { id } of entries) {
      this.#shared.next = Math.max(this.#shared.next, id + 1);
    }
    for (const entry of entries) {
      try {
        const named = tenantOf(entry);
        if (named === undefined && entry.bytes[0] === VALUES) {
          this.#shared.valuesId = new TextDecoder().decode(entry.bytes.subarray(1));
        } else if (named === undefined && entry.bytes[0] === IDS) {
          this.#restoreIds(entry);
        } else if (named === undefined) {
          own.push(this.#restored(entry));
        } else if (entry.bytes[0] === ORIGIN) {
          this.#addOrigin(named.tenant, entry.id);
          // The first one counts: events were recorded in that log.
          origins.set(named.tenant, origins.get(named.tenant) ?? new TextDecoder().decode(named.rest));
        } else if (entry.bytes[0] === HEAD) {
          heads.restore({ id: entry.id, bytes: named.rest });
        } else if (entry.bytes[0] === UNPROVEN) {
          heads.restoreUnproven({ id: entry.id, bytes: named.rest });
        } else if (entry.bytes[0] === CONTRADICTION) {
          contradictions.set(named.tenant, heads.restoreContradiction(named.rest));
        } else {
          const items = tenants.get(named.tenant) ?? [];
          items.push(this.#restored({ id: entry.id, bytes: named.rest }, named.tenant));
          tenants.set(named.tenant, items);
        }
      } catch (problem) {
        // The entry stays in the outbox; the others are delivered.
        this.#report(problem as CountersignError);
      }
    }
    return { own, tenants, origins, contradictions };
  }

  /** Decodes an event or a batch, and remembers the IDs in it. */
  #restored(entry: Entry, tenant = ""): RestoredItem {
    const item = decode(entry);
    this.#shared.ids.restore(item.kind === "event" ? item.line : item.batch, tenant);
    return item;
  }

  #restoreIds(entry: Entry): void {
    try {
      this.#shared.ids.restoreEntry(entry);
    } catch {
      throw foreignEntry(entry.id);
    }
  }
}

/** Returns the problem of values that must have this ID, if there is one. */
function problemOf(values: ValueStore | undefined, id: string): CountersignError | undefined {
  let found: Uint8Array | undefined;
  try {
    found = values?.get("");
  } catch (cause) {
    const error = failed(cause);
    if (error.code === "outbox.damaged") {
      return error;
    }
    throw error;
  }
  if (found !== undefined && new TextDecoder().decode(found) === id) {
    return undefined;
  }
  return new CountersignError("outbox.damaged", "the newest heads of tenants' logs are missing from the outbox", {
    hint: "if you moved the outbox, move its values too (for a file, the folder FILE.values); without them, the recorder does not notice if one of these logs was rewritten earlier",
  });
}

function noItems(): RestoredItems {
  return { own: [], tenants: new Map(), origins: new Map(), contradictions: new Map() };
}

/** Encodes an entry that names a tenant. */
function encode(kind: number, tenant: string, content: string): Uint8Array {
  return new TextEncoder().encode(`${String.fromCharCode(kind)}${JSON.stringify(tenant)}\n${content}`);
}

/** Returns the error for a state of a tenant's log that can't be read. */
function lostState(tenant: string, cause: CountersignError): CountersignError {
  const message = `the newest head of the log of tenant ${JSON.stringify(tenant.slice(0, 100))} can't be read: ${cause.message}`;
  const hint =
    "keep a copy of the outbox, and find out what changed it; the recorder compares answers about this log with the next head on";
  return Object.assign(new CountersignError("outbox.damaged", message, { hint, cause }), { tenant });
}

/** Returns the tenant that an entry names, and the rest of the entry. */
function tenantOf({ id, bytes }: Entry): { tenant: string; rest: Uint8Array } | undefined {
  if (!OF_TENANTS.includes(bytes[0])) {
    return undefined;
  }
  const end = bytes.indexOf(0x0a);
  try {
    const tenant: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(1, Math.max(end, 1))));
    if (typeof tenant === "string") {
      return { tenant, rest: bytes.subarray(end + 1) };
    }
  } catch {
    // Not JSON.
  }
  throw foreignEntry(id);
}

function decode({ id, bytes }: Entry): RestoredItem {
  if (bytes[0] === EVENT) {
    return { kind: "event", id, line: new TextDecoder().decode(bytes.subarray(1)) };
  }
  const end = bytes.indexOf(0x0a);
  const [, chain = "", from, to] =
    /^b([0-9a-f]{32}) (\d{1,16}) (\d{1,16})$/.exec(
      bytes[0] === BATCH && end > 0 ? new TextDecoder().decode(bytes.subarray(0, end)) : "",
    ) ?? [];
  if (from === undefined || to === undefined) {
    throw foreignEntry(id);
  }
  const lines = new Uint8Array(bytes.subarray(end + 1));
  return {
    kind: "batch",
    batch: { id, chain, from: Number(from), to: Number(to), lines, pending: [], isStored: true },
  };
}

function withoutNumbers(message: string): string {
  return message.replaceAll(/\d+/g, "");
}

function foreignEntry(id: number): CountersignError {
  return new CountersignError("outbox.damaged", `entry ${id} of the outbox was not written by a recorder`, {
    hint: "check whether other code uses this storage; the entry stays in the outbox, and the others are delivered",
  });
}

/** Returns the error for entries that a recorder with other options has to deliver. */
export function otherEntries(count: number, areOfTenants: boolean): CountersignError {
  const [what, hint] = areOfTenants
    ? ["of tenants, but the recorder has no option `tenants`", "set `tenants`, or deliver them with another recorder"]
    : ["of a recorder without the option `tenants`", "deliver them first with a recorder without `tenants`"];
  const message = `the outbox contains ${count} ${count === 1 ? "entry" : "entries"} ${what}`;
  return new CountersignError("outbox.damaged", message, { hint: `${hint}; the entries stay in the outbox` });
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw failed(cause);
  }
}

function failed(cause: unknown): CountersignError {
  const hint = "see the cause; events are still in memory, and are lost if the program exits";
  return coded(cause, "outbox.failed", "the outbox could not be read or written", hint);
}
