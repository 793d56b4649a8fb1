/** Makes findings of what was detected, and answers what is asked of them. */

import { inTurn } from "@countersign/shared/promises.js";
import { turn } from "../index/turn.js";
import { Findings } from "../wasm/analyzer.js";
import { Outline } from "./outline.js";
import type { Facts, FindingsStatus, Listed, RuleFound, SelectedFindings } from "./types.js";

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
  /** The selected total. */
  #entries: Float64Array | undefined;
  /** The places of the findings that concern them, in the order that was told last. */
  #places: readonly number[] | undefined;
  /** Made when it is wanted, of the order that was told last. */
  #outline: Outline | undefined;
  #rules: readonly RuleFound[] = [];

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

  select(total: Float64Array | undefined): Promise<SelectedFindings | undefined> {
    return this.#next(() => {
      this.#entries = total;
      return this.#select();
    });
  }

  list(from: number, to: number, rule: string | undefined, isSelected = false): readonly Listed[] {
    const [places, outline] = [this.#places, this.#outline];
    if (isSelected && places !== undefined && outline !== undefined) {
      const listed = rule === undefined ? places : places.filter((place) => outline.rule(place) === rule);
      return listed.slice(from, to).flatMap((place) => this.list(place, place + 1, undefined));
    }
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
    const told = JSON.parse(this.#findings.tell()) as Omit<FindingsStatus, "marks" | "selected">;
    this.#outline = undefined;
    this.#rules = told.rules;
    const marks = {
      entries: this.#findings.marked(),
      levels: this.#findings.levels(),
      times: this.#findings.times(),
    };
    return { ...told, marks, selected: await this.#select() };
  }

  /** Finds the findings that concern the selected total. */
  async #select(): Promise<SelectedFindings | undefined> {
    const total = this.#entries;
    this.#places = undefined;
    if (total === undefined) {
      return undefined;
    }
    this.#outline ??= await this.#outlined();
    const outline = this.#outline;
    const places = outline.places(total);
    const counts = new Map<string, number>();
    for (const place of places) {
      counts.set(outline.rule(place), (counts.get(outline.rule(place)) ?? 0) + 1);
    }
    const times = this.#findings.times();
    this.#places = places;
    return {
      findings: places.length,
      rules: this.#rules.flatMap((rule) => {
        const findings = counts.get(rule.rule) ?? 0;
        return findings === 0 ? [] : { ...rule, findings };
      }),
      times: Float64Array.from(places, (place) => times[place] ?? 0),
    };
  }

  async #outlined(): Promise<Outline> {
    const outline = new Outline();
    for (let from = 0; ; from += WRITTEN) {
      const listed = this.list(from, from + WRITTEN, undefined);
      for (const { total, finding } of listed) {
        const { id, rule, entries } = finding;
        outline.add({ rule, entries: total > entries.length ? this.#findings.leaves(id) : Float64Array.from(entries) });
      }
      if (listed.length < WRITTEN) {
        return outline;
      }
      await turn();
    }
  }
}
