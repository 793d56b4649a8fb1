/**
 * The IDs of a recorder's events, by which it recognizes an event that is recorded again.
 *
 * An undelivered event's ID is in its entry in the outbox. When the entry is removed, one with the IDs takes its place in
 * the same change, so that a kill at any moment loses neither. The form of such an entry: `i`, and lines of
 *
 *   ["<tenant>","<action>","<id>","<chain>",<seq>]
 */

import type { Batch } from "../deliver/batch.js";
import type { PendingEvent } from "../record/handle.js";
import type { Entry } from "./outbox.js";

/** The field of `metadata` with an event's `id`. */
export const EVENT_ID = "event_id";
/** Maximum length of an event's `id`, in characters. */
export const MAX_ID_LENGTH = 200;

/** Maximum number of delivered events whose IDs are kept. */
export const MAX_DELIVERED_IDS = 10_000;
/** Maximum length of their keys together, in characters. */
const MAX_DELIVERED_LENGTH = 1 << 20;
/** Maximum number of entries with IDs. Another one replaces all of them. */
const MAX_ENTRIES = 64;
/** Number of undelivered events with IDs up to which failed and delivered ones are not removed. */
const MIN_SWEPT = 1_024;

/** An event's place in its chain. */
export interface EventPlace {
  readonly chain: string;
  readonly seq: number;
}

/** An event with an ID that was recorded. */
export interface KnownEvent {
  /** Its handle, unless it was found in the outbox. */
  readonly pending?: PendingEvent | undefined;
  /** Its place, once it is delivered. */
  place?: EventPlace | undefined;
}

/** Matches a link and captures its chain and `seq`. */
const LINK = /^countersign\/v1 event (\S+) (\d+) /;
const NAME = `"${EVENT_ID}"`;

/** Returns the key of an event, given its JSON and its tenant; undefined if it has no ID. */
export function eventKey(json: string, tenant: string): string | undefined {
  if (!json.includes(NAME)) {
    return undefined;
  }
  try {
    return keyOf(JSON.parse(json), tenant);
  } catch {
    // The recorder rejects it.
    return undefined;
  }
}

function keyOf(event: unknown, tenant: string): string | undefined {
  const { action, metadata } = Object(event) as { action?: unknown; metadata?: unknown };
  const { [EVENT_ID]: id } = Object(metadata) as { [EVENT_ID]?: unknown };
  // An ID that was redacted no longer identifies the event.
  const isId = typeof id === "string" && id !== "" && id.length <= MAX_ID_LENGTH && !id.includes("[redacted]");
  return isId && typeof action === "string" ? JSON.stringify([tenant, action, id]) : undefined;
}

/** Returns the JSON of an event that consists of what identifies the event with this key. */
export function identityOf(key: string): string {
  const [, action, id] = JSON.parse(key) as [tenant: string, action: string, id: string];
  return JSON.stringify({ action, metadata: { [EVENT_ID]: id } });
}

/** The IDs of one outbox. */
export class EventIds {
  readonly #undelivered = new Map<string, KnownEvent>();
  /** The places of delivered events, from the oldest. */
  readonly #delivered = new Map<string, EventPlace>();
  #deliveredLength = 0;
  /** Keys of delivered events that are in no entry yet. */
  #unstored = new Set<string>();
  /** The IDs of the entries. */
  #entries: number[] = [];
  #nextSweep = MIN_SWEPT;

  /** Returns the event with this key; undefined if there is none, or if it will never be delivered. */
  find(key: string): KnownEvent | undefined {
    const place = this.#delivered.get(key);
    if (place !== undefined) {
      return { place };
    }
    const known = this.#undelivered.get(key);
    return known?.pending?.isFailed ? undefined : known;
  }

  /** Adds an event that was just recorded, or found in the outbox. */
  add(key: string, pending?: PendingEvent): void {
    this.#undelivered.set(key, { pending });
    if (this.#undelivered.size >= this.#nextSweep) {
      for (const [one, { pending }] of this.#undelivered) {
        if (pending?.isFailed || pending?.isDelivered) {
          this.#undelivered.delete(one);
        }
      }
      this.#nextSweep = Math.max(MIN_SWEPT, 2 * this.#undelivered.size);
    }
  }

  /** Adds the events in a line or a batch of the outbox. */
  restore(item: string | Batch, tenant: string): void {
    const keys =
      typeof item === "string"
        ? [eventKey(item.slice(item.indexOf("{")), tenant)]
        : eventsWithIds(item, tenant).map(({ key }) => key);
    for (const key of keys) {
      if (key !== undefined) {
        this.add(key);
      }
    }
  }

  /** Adds the IDs in an entry. Throws if it isn't one. */
  restoreEntry({ id, bytes }: Entry): void {
    const lines = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(1)).split("\n");
    const places = lines.map(parseLine);
    this.#entries.push(id);
    for (const [key, place] of places) {
      this.#deliver(key, place);
    }
  }

  /** Moves the events of delivered batches. */
  deliver(batches: readonly Batch[], tenant: string): void {
    if (this.#undelivered.size === 0) {
      return;
    }
    for (const batch of batches) {
      for (const { key, place } of eventsWithIds(batch, tenant)) {
        const known = this.#undelivered.get(key);
        if (known !== undefined) {
          known.place = place;
          this.#undelivered.delete(key);
        }
        this.#deliver(key, place);
        this.#unstored.add(key);
      }
    }
  }

  /** Removes the events of batches that will never be delivered. */
  forget(batches: readonly Batch[], tenant: string): void {
    if (this.#undelivered.size > 0) {
      for (const { key } of batches.flatMap((batch) => eventsWithIds(batch, tenant))) {
        this.#undelivered.delete(key);
      }
    }
  }

  #deliver(key: string, place: EventPlace): void {
    if (!this.#delivered.delete(key)) {
      this.#deliveredLength += key.length;
    }
    this.#delivered.set(key, place);
    for (const [oldest] of this.#delivered) {
      if (this.#delivered.size <= MAX_DELIVERED_IDS && this.#deliveredLength <= MAX_DELIVERED_LENGTH) {
        break;
      }
      this.#delivered.delete(oldest);
      this.#unstored.delete(oldest);
      this.#deliveredLength -= oldest.length;
    }
  }

  /**
   * Returns the entry to store when delivered events are removed, and the entries that it replaces; undefined if no ID
   * is missing. `stored` is called once it is stored.
   */
  newEntry(nextId: () => number): { put: Entry; stale: readonly number[]; stored: () => void } | undefined {
    if (this.#unstored.size === 0) {
      return undefined;
    }
    const isFull = this.#entries.length >= MAX_ENTRIES;
    const stale = isFull ? this.#entries : [];
    const keys = new Set(this.#unstored);
    const chosen = isFull ? this.#delivered.keys() : keys;
    const lines = Array.from(chosen).flatMap((key) => {
      const place = this.#delivered.get(key);
      return place === undefined ? [] : `${key.slice(0, -1)},${JSON.stringify(place.chain)},${place.seq}]`;
    });
    const put = { id: nextId(), bytes: new TextEncoder().encode(`i${lines.join("\n")}`) };
    // A write that fails may have stored it.
    this.#entries = [...this.#entries, put.id];
    const stored = () => {
      this.#entries = this.#entries.filter((id) => !stale.includes(id));
      for (const key of keys) {
        this.#unstored.delete(key);
      }
    };
    return { put, stale, stored };
  }
}

/** Returns the events with IDs in a batch. */
function eventsWithIds({ lines }: Batch, tenant: string): { key: string; place: EventPlace }[] {
  const text = new TextDecoder().decode(lines);
  if (!text.includes(NAME)) {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    if (!line.includes(NAME)) {
      return [];
    }
    const { link, event } = JSON.parse(line) as { link?: unknown; event?: unknown };
    const [, chain, seq] = LINK.exec(typeof link === "string" ? link : "") ?? [];
    const key = keyOf(event, tenant);
    return key === undefined || chain === undefined ? [] : [{ key, place: { chain, seq: Number(seq) } }];
  });
}

/** Parses a line of an entry. */
function parseLine(line: string): readonly [key: string, place: EventPlace] {
  const parts: unknown = JSON.parse(line);
  const [tenant, action, id, chain, seq] = Array.isArray(parts) && parts.length === 5 ? parts : [];
  const areStrings = [tenant, action, id, chain].every((part) => typeof part === "string");
  if (!areStrings || !Number.isSafeInteger(seq)) {
    throw new Error("the line has another form");
  }
  return [JSON.stringify([tenant, action, id]), { chain, seq }];
}
