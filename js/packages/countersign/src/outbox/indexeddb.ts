/** An outbox in IndexedDB, for pages and workers in browsers. */

import { CountersignError } from "../error.js";
import { ownOptions } from "../known.js";
import { inTurn } from "../promises.js";
import { Database, type EntryKey } from "./database.js";
import { Groups } from "./groups.js";
import { type Lock, tryLock, webLocks } from "./lock.js";
import { type Change, type Entry, ORPHAN_IDS, type Outbox } from "./outbox.js";

/** Options of `indexedDbOutbox`. */
export interface IndexedDbOutboxOptions {
  /**
   * The outbox's name within its origin. Use one per log.
   *
   * @default "default"
   * @example
   * ```ts
   * name: "billing"
   * ```
   */
  name?: string | undefined;
}

/**
 * Stores undelivered events in IndexedDB, where they outlive the tab. All tabs and workers of an origin can use the
 * same name: each has its own room in the database, held by a Web Lock while it lives. Entries of a closed or crashed
 * tab are taken over by the next recorder that opens the outbox or checks for orphans.
 *
 * Needs a secure context: HTTPS or localhost. Browsers may evict a site's storage when the disk is full, unless it
 * called `navigator.storage.persist()`.
 *
 * When a page is left, an empty room is released, so that the page can enter the back/forward cache. A room with
 * entries stays locked. Browsers that don't cache pages with locks then end the page, and another tab delivers its
 * entries.
 */
export function indexedDbOutbox(options: IndexedDbOutboxOptions = {}): Outbox {
  const { name = "default" } = ownOptions(options, ["name"]);
  return new IndexedDbOutbox(`countersign-outbox-${name}`);
}

/** A part of the database that belongs to this outbox while it holds the lock. */
interface Room {
  readonly number: number;
  readonly lock: Lock;
  /** The IDs of its entries in the database, by the IDs that the recorder uses. */
  readonly ids: Map<number, number>;
}

class IndexedDbOutbox implements Outbox {
  readonly #name: string;
  readonly #database: Database;
  readonly #groups = new Groups((change) => this.#commit(change));
  #isOpen = false;
  readonly #next = inTurn();
  /** The room for new entries; undefined before the first. */
  #own: Room | undefined;
  /** All held rooms: the own one, and those taken over that are not empty yet. */
  readonly #rooms = new Set<Room>();
  /** The connection on which the rooms were last checked. */
  #connection = 0;
  /** True while the page is being unloaded. */
  #isLeaving = false;
  /** True if the page was frozen since the rooms were last checked. */
  #wasFrozen = false;
  /** Set if stored entries disappeared. */
  #lost: CountersignError | undefined;

  constructor(name: string) {
    this.#name = name;
    this.#database = new Database(name);
  }

  async open(): Promise<readonly Entry[]> {
    if (this.#isOpen) {
      throw new CountersignError("outbox.in_use", "another recorder uses this outbox", {
        hint: "call indexedDbOutbox() for each recorder",
      });
    }
    this.#isOpen = true;
    this.#lost = undefined;
    try {
      webLocks();
      const entries = await this.orphans(1);
      this.#listen("addEventListener");
      return entries;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async write(change: Change): Promise<void> {
    if (!this.#isOpen) {
      throw new CountersignError("outbox.failed", "the outbox is not open", { hint: "open it first" });
    }
    const written = this.#groups.write(change);
    if (this.#isLeaving || globalThis.document?.visibilityState === "hidden") {
      // The page may end before the running change does.
      this.#groups.startPending();
    }
    await written;
  }

  async orphans(first: number): Promise<readonly Entry[]> {
    await this.#ready();
    const taken: Entry[] = [];
    const ownLocks = new Set([...this.#rooms].map(({ lock }) => lock.name));
    for (const [number, name] of await this.#database.rooms()) {
      const lock = ownLocks.has(name) ? undefined : await tryLock(name);
      if (lock === undefined) {
        continue;
      }
      try {
        const entries = await this.#database.entries(number);
        if (!this.#isOpen || taken.length + entries.length > ORPHAN_IDS) {
          await lock.release();
          break;
        }
        const ids = new Map<number, number>();
        for (const { id, bytes } of entries) {
          const known = first + taken.length;
          ids.set(known, id);
          taken.push({ id: known, bytes });
        }
        this.#rooms.add({ number, lock, ids });
      } catch (error) {
        await lock.release();
        // Entries taken over so far are returned. The next call throws again.
        if (taken.length === 0) {
          throw error;
        }
        break;
      }
    }
    await this.#discardEmpty();
    return taken;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#listen("removeEventListener");
    await this.#groups.idle();
    this.#own = undefined;
    await this.#discardEmpty();
    const rooms = [...this.#rooms];
    this.#rooms.clear();
    await Promise.all(rooms.map(({ lock }) => lock.release()));
    this.#database.close();
  }

  async #commit(change: Change): Promise<void> {
    try {
      await this.#make(change);
    } catch (error) {
      if (this.#database.isOpen(this.#connection)) {
        throw error;
      }
      // The browser closed the database in between; the rooms are checked again before the second attempt.
      await this.#make(change);
    }
  }

  async #make(change: Change): Promise<void> {
    // Changes begin one after the other; from then on, the database keeps their order.
    const { made, undo } = await this.#next(() => this.#begin(change));
    try {
      await made;
    } catch (error) {
      undo();
      throw error;
    }
    await this.#discardEmpty();
  }

  async #begin({ put, remove }: Change): Promise<{ made: Promise<void>; undo: () => void }> {
    await this.#ready();
    const connection = this.#connection;
    const own = put.length === 0 ? undefined : (this.#own ?? (await this.#enter()));
    const keys: EntryKey[] = [];
    const steps: (() => void)[] = [];
    // Updated before the change is made, because a change started early may remove what this one adds.
    for (const { number, ids } of this.#rooms) {
      for (const known of remove) {
        const id = ids.get(known);
        if (id !== undefined) {
          keys.push({ room: number, id });
          ids.delete(known);
          steps.push(() => ids.set(known, id));
        }
      }
    }
    for (const { id } of put) {
      own?.ids.set(id, id);
      steps.push(() => own?.ids.delete(id));
    }
    const undo = () => {
      for (const step of steps.reverse()) {
        step();
      }
    };
    return { made: this.#database.change(connection, keys, put, own?.number), undo };
  }

  /** Creates the room for new entries. */
  async #enter(): Promise<Room> {
    const lock = await tryLock(`${this.#name}/${crypto.randomUUID()}`);
    if (lock === undefined) {
      throw new TypeError("the lock of a new room is already held");
    }
    try {
      const room = { number: await this.#database.add(lock.name), lock, ids: new Map() };
      this.#rooms.add(room);
      this.#own = room;
      return room;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Releases empty rooms, except the own one. */
  async #discardEmpty(): Promise<void> {
    const empty = [...this.#rooms].filter((room) => room !== this.#own && room.ids.size === 0);
    for (const room of empty) {
      this.#rooms.delete(room);
    }
    for (const { number, lock } of empty) {
      // If this fails, the next recorder that finds the room discards it.
      await this.#database.discard(number).catch(() => {});
      await lock.release();
    }
  }

  /** Opens the database if needed, and checks that it is the same as before. */
  async #ready(): Promise<void> {
    const connection = await this.#database.open();
    if (connection !== this.#connection || this.#wasFrozen) {
      this.#wasFrozen = false;
      await this.#checkRooms();
      this.#connection = connection;
    }
    if (this.#lost !== undefined) {
      throw this.#lost;
    }
  }

  /** Checks that the rooms still exist. */
  async #checkRooms(): Promise<void> {
    const rooms = this.#rooms.size === 0 ? new Map<number, string>() : await this.#database.rooms();
    for (const room of [...this.#rooms].filter(({ number, lock }) => rooms.get(number) !== lock.name)) {
      this.#rooms.delete(room);
      await room.lock.release();
      if (this.#own === room) {
        this.#own = undefined;
      }
      if (room.ids.size > 0) {
        this.#lost = new CountersignError("outbox.failed", "the outbox's entries are gone", {
          hint: "reload the page; the site's data was cleared, or another tab took over the entries while this page was frozen",
        });
      }
    }
  }

  #listen(how: "addEventListener" | "removeEventListener"): void {
    // Workers never receive these events.
    globalThis[how]?.("pagehide", this.#onPageHide);
    globalThis[how]?.("pageshow", this.#onPageShow);
  }

  readonly #onPageHide = (): void => {
    this.#isLeaving = true;
    this.#groups.startPending();
    if (this.#groups.isIdle && [...this.#rooms].every(({ ids }) => ids.size === 0)) {
      // The next recorder that finds the rooms discards them, because a page with a running transaction is not cached.
      for (const { lock } of this.#rooms) {
        void lock.release();
      }
      this.#rooms.clear();
      this.#own = undefined;
    }
  };

  readonly #onPageShow = (event: Event): void => {
    this.#isLeaving = false;
    this.#wasFrozen ||= (event as PageTransitionEvent).persisted;
  };
}
