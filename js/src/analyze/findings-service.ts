/** Makes findings of what was detected, and answers what is asked of them. */

import { turn } from "../index/turn.js";
import { inTurn } from "../promises.js";
import { Findings } from "../wasm/analyzer.js";
import type { Facts, FindingsStatus, Listed } from "./types.js";

/** So much of a piece says what it is about. */
const OUTLINE = 40;
/** How much of what was detected is taken before the clock is looked at. */
const AT_ONCE = 500;
/** How long, in milliseconds, work goes on before messages have their turn. */
const WORK = 12;
/** How many findings are written at a time. */
const WRITTEN = 500;

/** What the worker does that keeps findings. */
export class FindingsService {
  readonly #findings: Findings;
  /** There is something in them of every event, and browsers keep blobs outside of a worker's memory. */
  readonly #pieces: Blob[] = [];
  readonly #next = inTurn();

  constructor(rules: string) {
    this.#findings = new Findings(rules);
  }

  take(piece: Uint8Array<ArrayBuffer>): void {
    this.#findings.hear(piece.subarray(0, OUTLINE));
    this.#pieces.push(new Blob([piece]));
    // Who asks hears of a failure.
    this.#next(() => this.#advance()).catch(() => {});
  }

  tell(facts: Facts | undefined): Promise<FindingsStatus> {
    return this.#next(() => this.#tell(facts));
  }

  list(from: number, to: number, rule: string | undefined): readonly Listed[] {
    return JSON.parse(this.#findings.list(from, to, rule)) as Listed[];
  }

  of(leaf: number, most: number): readonly Listed[] {
    return JSON.parse(this.#findings.of(leaf, most)) as Listed[];
  }

  leaves(id: string): Float64Array {
    return this.#findings.leaves(id);
  }

  async document(): Promise<Blob> {
    const pieces: BlobPart[] = [];
    for (let place = 0; ; place += 1) {
      const piece = this.#findings.document(place, WRITTEN);
      if (piece === undefined) {
        break;
      }
      pieces.push(piece as Uint8Array<ArrayBuffer>);
      await turn();
    }
    if (pieces.length === 0) {
      throw new Error("there is no report yet");
    }
    return new Blob(pieces, { type: "application/json" });
  }

  /** Takes all that can be taken, in the order of the log. */
  async #advance(): Promise<void> {
    let begun = performance.now();
    for (let wanted: number | undefined = -1; wanted !== undefined; wanted = this.#findings.wants()) {
      const piece = await this.#pieces[wanted]?.arrayBuffer();
      // Meanwhile another one may have come that is to be taken first.
      if (piece !== undefined && this.#findings.wants() === wanted) {
        this.#findings.load(wanted, new Uint8Array(piece));
      }
      while (this.#findings.step(AT_ONCE)) {
        if (performance.now() - begun >= WORK) {
          await turn();
          begun = performance.now();
        }
      }
    }
  }

  async #tell(facts: Facts | undefined): Promise<FindingsStatus> {
    await this.#advance();
    if (facts !== undefined) {
      this.#findings.report(JSON.stringify(facts));
    }
    const told = JSON.parse(this.#findings.tell()) as Omit<FindingsStatus, "marks">;
    const marks = {
      leaves: this.#findings.marked(),
      levels: this.#findings.levels(),
      times: this.#findings.times(),
    };
    return { ...told, marks };
  }
}
