/** A root log with one tenant log, and an operator who can lie about both (SPEC section 16). */

import { randomBytes } from "node:crypto";
import { Chain, type Entry } from "./chain.ts";
import { Directory, type State } from "./directory.ts";
import { SigningKey } from "./notes.ts";
import { FIRST_TICK, ROOT, ROOT_TRUST, RootLog, timeOf } from "./root-log.ts";
import { MerkleTree } from "./tree.ts";

export const EMITTER = new SigningKey("example.com/app");

/** The kinds of anchors (SPEC section 16.5): their distance, and how many of them count. */
const ANCHORS = [
  [2 ** 12, 24],
  [2 ** 17, 32],
  [2 ** 21, 256],
] as const;

/** The number of entries that the application has recorded at the tenant log's first tick. */
const RECORDED = 8;

/** A state of the tenant log. */
export interface History {
  readonly entries: readonly Entry[];
  readonly state: State;
}

/** The actions of an operator that differ from those of an honest one. */
export interface Lie {
  /** Returns the state of the tenant log in the directory of a tick. */
  readonly history?: (tick: number, log: OperatorLog) => History;
  /** True if the client may see this tick. */
  readonly shows?: (tick: number, log: OperatorLog) => boolean;
  /** True if anchors are left out. */
  readonly hidesAnchors?: (log: OperatorLog) => boolean;
  /** True if the root log is another one, with another first entry. */
  readonly rewritesRoot?: (log: OperatorLog) => boolean;
  /** Returns further signature lines for the text of a checkpoint. */
  readonly signatures?: (text: string) => string;
  /** Changes a tile or an entry bundle. */
  readonly tile?: (path: string, bytes: Buffer) => Buffer;
}

/** A tick. */
interface Tick {
  readonly directory: Directory;
  /** The tenant log at this tick. */
  readonly history: History;
  readonly tree: MerkleTree;
}

const TRUE_ROOT = RootLog.withoutTenants("the first directory");
const OTHER_ROOT = RootLog.withoutTenants("another first directory");

export class OperatorLog {
  readonly id = randomBytes(16).toString("hex");
  readonly origin = `${ROOT}/t/${this.id}`;
  readonly lie: Lie;
  /** The number of the client's visit, from 0. */
  visit = 0;
  /** The entries at the first tick; as many, one of which differs; and those of a chain that starts later. */
  readonly honest: readonly Entry[];
  readonly forged: readonly Entry[];
  readonly other: readonly Entry[];
  /** Entries that were added since. */
  readonly #added: Entry[] = [];
  /** Entries that the application records later. */
  readonly #unrecorded: Entry[];
  readonly #ticks = new Map<number, Tick>();
  readonly #trueRoot = TRUE_ROOT.copy();
  readonly #otherRoot = OTHER_ROOT.copy();

  constructor(lie: Lie) {
    this.lie = lie;
    const honest = this.#chain("job.run");
    this.honest = honest.slice(0, RECORDED);
    this.#unrecorded = honest.slice(RECORDED);
    this.forged = this.#chain("job.forged").slice(0, RECORDED);
    this.other = this.#chain("job.run", "other").slice(0, RECORDED);
  }

  /** The trust file of the tenant log's readers. */
  get trust(): string {
    return `${ROOT_TRUST}emitter ${EMITTER.vkey}\norigin ${this.origin} ${FIRST_TICK}\n`;
  }

  /** The root log that the client sees. */
  get root(): RootLog {
    return this.lie.rewritesRoot?.(this) ? this.#otherRoot : this.#trueRoot;
  }

  /** The newest tick that the client may see. */
  get visibleTick(): number {
    const ticks = [...this.#ticks.keys()].reverse();
    return ticks.find((tick) => this.lie.shows?.(tick, this) ?? true) ?? FIRST_TICK;
  }

  /** Returns the tenant log with these entries, and all that were added. */
  history(entries: readonly Entry[], state: State = "live"): History {
    return { entries: [...entries, ...this.#added], state };
  }

  /** Adds entries, except those that the log has. */
  add(entries: readonly Entry[]): void {
    const known = new Set(this.#added.map(({ link }) => link));
    this.#added.push(...entries.filter(({ link }) => !known.has(link)));
  }

  /** Adds another event of the application. */
  record(): void {
    this.add(this.#unrecorded.splice(0, 1));
  }

  /** Makes ticks up to this one. */
  advance(to: number): void {
    while (this.#trueRoot.tree.size <= to) {
      this.tick();
    }
  }

  tick(): void {
    const tick = this.#trueRoot.tree.size;
    const history = this.lie.history?.(tick, this) ?? this.history(this.honest);
    const tree = new MerkleTree(history.entries.map(({ link }) => link));
    const head = { origin: this.origin, size: tree.size, root: tree.root(), state: history.state };
    const directory = new Directory(head, timeOf(tick));
    this.#ticks.set(tick, { directory, history, tree });
    this.#trueRoot.append(directory.entry);
    this.#otherRoot.append(directory.entry);
  }

  /** Returns a tick, and the tenant log at it. */
  tickAt(tick: number): Tick {
    const found = this.#ticks.get(tick);
    if (found === undefined) {
      throw new Error(`the tenant log doesn't exist at tick ${tick}`);
    }
    return found;
  }

  /** Returns the checkpoint of the root log that ends with a tick. */
  checkpoint(tick: number): string {
    return this.root.checkpoint(tick, this.lie.signatures ?? (() => ""));
  }

  /** Returns the proof of a tick's directory (C2SP tlog-proof). */
  rootProof(tick: number): string {
    return `c2sp.org/tlog-proof@v1\n${this.root.inclusion(tick, tick)}\n${this.checkpoint(tick)}`;
  }

  /** Returns the head proof of a tick (SPEC section 16.4). */
  headProof(tick: number): string {
    return `${this.tickAt(tick).directory.lines("head")}\n${this.rootProof(tick)}`;
  }

  /** Returns the ticks of a head's anchors since the tenant log's first tick. */
  anchorsOf(head: number): number[] {
    const isAnchor = (tick: number) =>
      ANCHORS.some(([distance, count]) => {
        const later = Math.floor(head / distance) - Math.floor((tick + 1) / distance);
        return (tick + 1) % distance === 0 && later < count;
      });
    const ticks = this.lie.hidesAnchors?.(this) ? [] : [...this.#ticks.keys()];
    return ticks.filter((tick) => tick < head && isAnchor(tick));
  }

  /** Returns the anchor of a tick, which leads to the checkpoint of a head (SPEC section 16.5). */
  anchor(tick: number, head: number): string {
    return `${this.tickAt(tick).directory.lines("anchor")}\n${this.root.inclusion(tick, head)}`;
  }

  /** Writes a chain. Its second event has the given action, and its links are older than the log's first tick. */
  #chain(action: string, name = "application"): Entry[] {
    const events = RECORDED + 2;
    const timeOfLink = (number: number) => timeOf(FIRST_TICK - 1 - events + number);
    const chain = new Chain(name, EMITTER, this.origin, timeOfLink(0));
    for (let number = 1; number <= events; number++) {
      chain.record(`{"action":"${number === 2 ? action : "job.run"}","n":${number}}`, timeOfLink(number));
    }
    return chain.entries;
  }
}
