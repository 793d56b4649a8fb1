/** Checkpoints that this device remembers: the last one of each log that was verified on it. */

import { pinnedState } from "@countersign/ui/viewer/session/pin.js";
import { readCheckpoint } from "../input/checkpoint.ts";

/** A log as last verified on this device. */
export interface RememberedLog {
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** The checkpoint that later exports are compared with. */
  readonly pin: string;
  /** Time by this device's clock, as RFC 3339. */
  readonly when: string;
}

/** Beginning of the names of files with a remembered pin. */
const REMEMBERED = "remembered";

/** Returns the name of a file with the pin of a remembered log. */
export function rememberedPinName({ size }: Pick<RememberedLog, "size">): string {
  return `${REMEMBERED}-${size}.pin.txt`;
}

/** True if a file has the name of a remembered pin, from this page or from a log's console. */
export function isRememberedPin(name: string): boolean {
  return name.startsWith(`${REMEMBERED}-`) || name.startsWith(`${REMEMBERED}.`);
}

/** Options of a memory. */
export interface MemoryOptions {
  /** False if a new log must not make others be forgotten, as in a search of many logs. */
  readonly replacesOthers?: boolean;
}

/** The part of a browser's storage that is used. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const KEY = "countersign.seen/v1";
const OFF = "countersign.seen/off";
/** Maximum number of logs; the one seen longest ago is forgotten first. */
const MAX_LOGS = 200;
const MAX_PIN_BYTES = 1 << 16;

/**
 * Pins stored on this device. Anything else with access to this page's storage can change them. So a stored
 * pin is only a checkpoint to compare a file with, never a reason to trust one.
 */
export class Memory {
  readonly #storage: Shelf | undefined;
  readonly #replacesOthers: boolean;

  constructor(storage: Shelf | undefined, { replacesOthers = true }: MemoryOptions = {}) {
    this.#storage = storage;
    this.#replacesOthers = replacesOthers;
  }

  /** Returns the browser's memory, without storage if the browser denies it. */
  static ofBrowser(options?: MemoryOptions): Memory {
    try {
      const { localStorage } = window;
      localStorage.setItem(`${KEY}/probe`, "");
      localStorage.removeItem(`${KEY}/probe`);
      return new Memory(localStorage, options);
    } catch {
      return new Memory(undefined, options);
    }
  }

  /** True if storage is available. */
  get works(): boolean {
    return this.#storage !== undefined;
  }

  /** True if the reader wants logs to be remembered. */
  get isOn(): boolean {
    return this.works && this.#read(OFF) === null;
  }

  /** Turns remembering on; or off, which forgets everything. */
  turn(on: boolean): void {
    if (on) this.#change(() => this.#storage?.removeItem(OFF));
    else {
      this.forgetAll();
      this.#change(() => this.#storage?.setItem(OFF, "1"));
    }
  }

  /** Returns all remembered logs, most recent first. */
  list(): readonly RememberedLog[] {
    if (!this.isOn) return [];
    try {
      const kept: unknown = JSON.parse(this.#read(KEY) ?? "[]");
      return Array.isArray(kept) ? kept.slice(0, MAX_LOGS).flatMap(seen) : [];
    } catch {
      return [];
    }
  }

  of(origin: string): RememberedLog | undefined {
    return this.list().find((one) => one.origin === origin);
  }

  /**
   * Remembers a log's checkpoint, replacing the previous one. Returns false if there is no room for it, or if another
   * tab remembered a later one in the meantime.
   */
  keep(pin: string, when: Date): boolean {
    const checkpoint = readCheckpoint(pin);
    if (!this.isOn || checkpoint === undefined) return false;
    const { origin, size } = checkpoint;
    const known = this.of(origin);
    if (known !== undefined && isEarlier(pin, known.pin)) return false;
    const others = this.list().filter((one) => one.origin !== origin);
    if (!this.#replacesOthers && others.length === MAX_LOGS) return false;
    return this.#write([{ origin, size, pin, when: when.toISOString() }, ...others].slice(0, MAX_LOGS));
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

  #write(list: readonly RememberedLog[]): boolean {
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

/** True if a pin is of an earlier state than another one. Between two heads, the tick decides; otherwise, the size. */
function isEarlier(pin: string, kept: string): boolean {
  const [one, other] = [pinnedState(pin), pinnedState(kept)];
  if (one === undefined || other === undefined) return false;
  return one.tick === undefined || other.tick === undefined ? one.size < other.size : one.tick < other.tick;
}

/** Returns a valid stored log as a list of one; otherwise an empty list. */
function seen(entry: unknown): RememberedLog[] {
  const { pin, when } = Object(entry) as Partial<Record<keyof RememberedLog, unknown>>;
  if (typeof pin !== "string" || pin.length > MAX_PIN_BYTES || typeof when !== "string") return [];
  const checkpoint = readCheckpoint(pin);
  if (checkpoint === undefined || Number.isNaN(Date.parse(when))) return [];
  return [{ ...checkpoint, pin, when: new Date(when).toISOString() }];
}
