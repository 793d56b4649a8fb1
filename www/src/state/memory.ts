/** What this device keeps of the logs that were verified on it: for each the last checkpoint. */

import { readCheckpoint } from "../input/checkpoint.ts";

/** A log as it was last seen here. */
export interface Seen {
  readonly origin: string;
  /** How many leaves it had. */
  readonly size: number;
  /** The checkpoint, to hold a later export against. */
  readonly pin: string;
  /** When, by this device's clock: RFC 3339. */
  readonly when: string;
}

/** As much of a browser's storage as is needed. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const KEY = "countersign.seen/v1";
const OFF = "countersign.seen/off";
/** The logs that were seen longest ago are forgotten first. */
const MOST = 200;
const LONGEST_PIN = 1 << 16;

/**
 * Pins that stay on this device. Whoever else can write to the browser's storage of this page can write here too, so
 * what is read is taken for what it is: a checkpoint that a file is held against, never a reason to trust one.
 */
export class Memory {
  readonly #storage: Shelf | undefined;

  constructor(storage: Shelf | undefined) {
    this.#storage = storage;
  }

  /** The browser's, where it lets the page have any. */
  static ofBrowser(): Memory {
    try {
      const { localStorage } = window;
      localStorage.setItem(`${KEY}/probe`, "");
      localStorage.removeItem(`${KEY}/probe`);
      return new Memory(localStorage);
    } catch {
      return new Memory(undefined);
    }
  }

  /** Whether anything can be kept. */
  get works(): boolean {
    return this.#storage !== undefined;
  }

  /** Whether the reader wants that. */
  get isOn(): boolean {
    return this.works && this.#read(OFF) === null;
  }

  /** Remembers from now on, or forgets all and remembers nothing more. */
  turn(on: boolean): void {
    if (on) this.#change(() => this.#storage?.removeItem(OFF));
    else {
      this.forgetAll();
      this.#change(() => this.#storage?.setItem(OFF, "1"));
    }
  }

  /** All of it, the log seen last first. */
  list(): readonly Seen[] {
    if (!this.isOn) return [];
    try {
      const kept: unknown = JSON.parse(this.#read(KEY) ?? "[]");
      return Array.isArray(kept) ? kept.slice(0, MOST).flatMap(seen) : [];
    } catch {
      return [];
    }
  }

  of(origin: string): Seen | undefined {
    return this.list().find((one) => one.origin === origin);
  }

  /** Keeps a log's checkpoint in place of the one before. False where the browser has no room for it. */
  keep(pin: string, when: Date): boolean {
    const checkpoint = readCheckpoint(pin);
    if (!this.isOn || checkpoint === undefined) return false;
    const { origin, size } = checkpoint;
    const others = this.list().filter((one) => one.origin !== origin);
    return this.#write([{ origin, size, pin, when: when.toISOString() }, ...others].slice(0, MOST));
  }

  forget(origin: string): void {
    this.#write(this.list().filter((one) => one.origin !== origin));
  }

  forgetAll(): void {
    this.#change(() => this.#storage?.removeItem(KEY));
  }

  #read(key: string): string | null {
    try {
      return this.#storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  #write(list: readonly Seen[]): boolean {
    return this.#change(() => this.#storage?.setItem(KEY, JSON.stringify(list)));
  }

  #change(change: () => void): boolean {
    try {
      change();
      return this.works;
    } catch {
      return false;
    }
  }
}

/** One entry, if it is one. */
function seen(entry: unknown): Seen[] {
  const { pin, when } = Object(entry) as Partial<Record<keyof Seen, unknown>>;
  if (typeof pin !== "string" || pin.length > LONGEST_PIN || typeof when !== "string") return [];
  const checkpoint = readCheckpoint(pin);
  if (checkpoint === undefined || Number.isNaN(Date.parse(when))) return [];
  return [{ ...checkpoint, pin, when: new Date(when).toISOString() }];
}
