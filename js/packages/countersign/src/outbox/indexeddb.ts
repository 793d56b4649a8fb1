/** An outbox in IndexedDB, for pages and workers of browsers. */

import { CountersignError } from "../error.js";
import { ownOptions } from "../known.js";
import { inTurn } from "../promises.js";
import { Database, type Place } from "./database.js";
import { Groups } from "./groups.js";
import { type Lock, tryLock, webLocks } from "./lock.js";
import { type Change, type Entry, ORPHANS, type Outbox } from "./outbox.js";

/** Which outbox. */
export interface IndexedDbOutboxOptions {
  /** Tells the outboxes of an origin from each other: one for each log, where there are several. */
  name?: string | undefined;
}

/**
 * Keeps what is not yet delivered in IndexedDB, where it outlives the tab. All tabs and workers of an origin may use
 * one name: each has a room of its own in the database, held by a Web Lock for as long as it lives. What one leaves
 * behind that crashed or was closed is taken over by the next that opens the outbox or asks for orphans.
 *
 * It needs a secure context: HTTPS, or localhost. The browser may evict what a site stores when the disk gets full,
 * unless the site called `navigator.storage.persist()`.
 *
 * A page that is left while nothing waits in its room gives the room up, so that it can go to the back/forward cache;
 * with something in it, it keeps the lock and so is ended by the browsers that cache no page with a lock, and another
 * tab delivers what is there at once.
 */
export function indexedDbOutbox(options: IndexedDbOutboxOptions = {}): Outbox {
  const { name = "default" } = ownOptions(options, ["name"]);
  return new IndexedDbOutbox(`countersign-outbox-${name}`);
}

/** A part of the database that is this outbox's for as long as it holds the lock. */
interface Room {
  readonly number: number;
  readonly lock: Lock;
  /** What is in it, by the ids that the recorder knows, with those under which it is there. */
  readonly ids: Map<number, number>;
}

class IndexedDbOutbox implements Outbox {
  readonly #name: string;
  readonly #database: Database;
  readonly #groups = new Groups((change) => this.#commit(change));
  #isOpen = false;
  readonly #next = inTurn();
  /** Where new entries go. There is none before the first. */
  #own: Room | undefined;
  /** All that are held: the own one, and those of the dead that are not empty yet. */
  readonly #rooms = new Set<Room>();
  /** The connection by which the rooms were last looked at. */
  #connection = 0;
  /** Whether the page is being left. */
  #isLeaving = false;
  /** Whether the page was frozen since the rooms were last looked at. */
  #wasFrozen = false;
  /** Set where what was stored is gone. */
  #lost: CountersignError | undefined;

  constructor(name: string) {
    this.#name = name;
    this.#database = new Database(name);
  }

  async open(): Promise<readonly Entry[]> {
    if (this.#isOpen) {
      throw new CountersignError("outbox.in_use", "another recorder has this outbox", {
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
      // The page may not live to see the end of the change before.
      this.#groups.hurry();
    }
    await written;
  }

  async orphans(first: number): Promise<readonly Entry[]> {
    await this.#ready();
    const taken: Entry[] = [];
    const held = new Set([...this.#rooms].map(({ lock }) => lock.name));
    for (const [number, name] of await this.#database.rooms()) {
      const lock = held.has(name) ? undefined : await tryLock(name);
      if (lock === undefined) {
        continue;
      }
      try {
        const entries = await this.#database.entries(number);
        if (!this.#isOpen || taken.length + entries.length > ORPHANS) {
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
        // What was taken before it is given all the same. The next call throws again.
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
      // The browser closed the database on the way: what is there now has to be looked at before the next attempt.
      await this.#make(change);
    }
  }

  async #make(change: Change): Promise<void> {
    // One begins after the other, whatever it has to wait for; from there on the database keeps their order.
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
    const places: Place[] = [];
    const steps: (() => void)[] = [];
    // Known before it is made: a change that is hurried after it may remove what it puts.
    for (const { number, ids } of this.#rooms) {
      for (const known of remove) {
        const id = ids.get(known);
        if (id !== undefined) {
          places.push({ room: number, id });
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
    return { made: this.#database.change(connection, places, put, own?.number), undo };
  }

  /** Makes the room for new entries. */
  async #enter(): Promise<Room> {
    const lock = await tryLock(`${this.#name}/${crypto.randomUUID()}`);
    if (lock === undefined) {
      throw new TypeError("a lock of a name that nobody else has is taken");
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

  /** Leaves the rooms in which nothing is, but for the own one. */
  async #discardEmpty(): Promise<void> {
    const empty = [...this.#rooms].filter((room) => room !== this.#own && room.ids.size === 0);
    for (const room of empty) {
      this.#rooms.delete(room);
    }
    for (const { number, lock } of empty) {
      // Where it fails, the next that comes across the room discards it.
      await this.#database.discard(number).catch(() => {});
      await lock.release();
    }
  }

  /** Sees to it that the database is open, and that it is the same as before. */
  async #ready(): Promise<void> {
    const connection = await this.#database.open();
    if (connection !== this.#connection || this.#wasFrozen) {
      this.#wasFrozen = false;
      await this.#look();
      this.#connection = connection;
    }
    if (this.#lost !== undefined) {
      throw this.#lost;
    }
  }

  /** Looks whether the rooms are still there. */
  async #look(): Promise<void> {
    const rooms = this.#rooms.size === 0 ? new Map<number, string>() : await this.#database.rooms();
    for (const room of [...this.#rooms].filter(({ number, lock }) => rooms.get(number) !== lock.name)) {
      this.#rooms.delete(room);
      await room.lock.release();
      if (this.#own === room) {
        this.#own = undefined;
      }
      if (room.ids.size > 0) {
        this.#lost = new CountersignError("outbox.failed", "what the outbox held is no longer there", {
          hint: "the site's data was cleared, or another tab took it over while this page was frozen: reload the page",
        });
      }
    }
  }

  #listen(how: "addEventListener" | "removeEventListener"): void {
    // A worker never gets these events.
    globalThis[how]?.("pagehide", this.#onPageHide);
    globalThis[how]?.("pageshow", this.#onPageShow);
  }

  readonly #onPageHide = (): void => {
    this.#isLeaving = true;
    this.#groups.hurry();
    if (this.#groups.isIdle && [...this.#rooms].every(({ ids }) => ids.size === 0)) {
      // The next that comes across them discards them: a page with a transaction under way is not cached.
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
