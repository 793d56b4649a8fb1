/** Builds findings from the pieces that detectors send, and answers queries about them. */

import { inTurn } from "@countersign/shared/promises.js";
import { yieldToMessages } from "../index/yield.js";
import { Findings } from "../wasm/analyzer.js";
import { Outline } from "./outline.js";
import {
  type Facts,
  type FiledFindings,
  type FindingGroup,
  type FindingGroups,
  type FindingsStatus,
  LEVELS,
  type ListedFinding,
  type RuleFindings,
  type SelectedFindings,
} from "./types.js";

/** Leading bytes of a piece that identify it. */
const PIECE_HEADER_BYTES = 40;
/** Steps between two looks at the clock. */
const STEPS_PER_CHECK = 500;
/** Milliseconds of work before the worker yields to messages. */
const WORK_MS = 12;
/** Findings written per call. */
const FINDINGS_PER_CALL = 500;

/** Keeps the findings in a worker. */
export class FindingsService {
  readonly #findings: Findings;
  /** Detected pieces. They refer to every event, and browsers keep blobs outside a worker's memory. */
  readonly #pieces: Blob[] = [];
  readonly #next = inTurn();
  /** Selected entries, ascending; undefined if all are selected. */
  #entries: Float64Array | undefined;
  /** Positions of the findings about the selected entries, in the order of the last status. */
  #places: readonly number[] | undefined;
  /** Created on demand, in the order of the last status. */
  #outline: Outline | undefined;
  #rules: readonly RuleFindings[] = [];

  constructor(rules: string, maxFindings?: number | undefined) {
    this.#findings = new Findings(rules, maxFindings);
  }

  accept(piece: Uint8Array<ArrayBuffer>): void {
    this.#findings.hear(piece.subarray(0, PIECE_HEADER_BYTES));
    this.#pieces.push(new Blob([piece]));
    // A later call reports the failure.
    this.#next(() => this.#advance()).catch(() => {});
  }

  status(facts: Facts | undefined): Promise<FindingsStatus> {
    return this.#next(() => this.#status(facts));
  }

  select(entries: Float64Array | undefined): Promise<SelectedFindings | undefined> {
    return this.#next(() => {
      this.#entries = entries;
      return this.#select();
    });
  }

  list(from: number, to: number, rule: string | undefined, isSelected = false): readonly ListedFinding[] {
    const [places, outline] = [this.#places, this.#outline];
    if (isSelected && places !== undefined && outline !== undefined) {
      const listed = rule === undefined ? places : places.filter((place) => outline.rule(place) === rule);
      return listed.slice(from, to).flatMap((place) => this.list(place, place + 1, undefined));
    }
    return JSON.parse(this.#findings.list(from, to, rule)) as ListedFinding[];
  }

  groups(max: number, rule: string | undefined, isSelected = false): FindingGroups {
    return JSON.parse(this.#findings.groups(max, rule, this.#selectedPlaces(isSelected))) as FindingGroups;
  }

  members(
    max: number,
    { rule, subject }: Pick<FindingGroup, "rule" | "subject">,
    isSelected = false,
  ): readonly ListedFinding[] {
    const listed = this.#findings.members(max, rule, [...subject], this.#selectedPlaces(isSelected));
    return JSON.parse(listed) as ListedFinding[];
  }

  #selectedPlaces(isSelected: boolean): Uint32Array | undefined {
    return isSelected && this.#places !== undefined ? Uint32Array.from(this.#places) : undefined;
  }

  findingsOf(index: number, max: number): readonly ListedFinding[] {
    return JSON.parse(this.#findings.findingsOf(index, max)) as ListedFinding[];
  }

  entriesOf(id: string): Float64Array {
    return this.#findings.entries(id);
  }

  filed(): FiledFindings {
    return { detections: this.#findings.summary(), rules: this.#findings.pack() };
  }

  async document(): Promise<Blob> {
    const pieces: BlobPart[] = [];
    for (let place = 0; ; place += 1) {
      const piece = this.#findings.document(place, FINDINGS_PER_CALL);
      if (piece === undefined) {
        break;
      }
      pieces.push(piece as Uint8Array<ArrayBuffer>);
      await yieldToMessages();
    }
    if (pieces.length === 0) {
      throw new Error("the report isn't available yet; call status() with facts first");
    }
    return new Blob(pieces, { type: "application/json" });
  }

  /** Processes all pieces that can be processed, in the order of the log. */
  async #advance(): Promise<void> {
    let begun = performance.now();
    for (let nextPiece: number | undefined = -1; nextPiece !== undefined; nextPiece = this.#findings.wants()) {
      const piece = await this.#pieces[nextPiece]?.arrayBuffer();
      // An earlier piece may have arrived in the meantime.
      if (piece !== undefined && this.#findings.wants() === nextPiece) {
        this.#findings.load(nextPiece, new Uint8Array(piece));
      }
      while (this.#findings.step(STEPS_PER_CHECK)) {
        if (performance.now() - begun >= WORK_MS) {
          await yieldToMessages();
          begun = performance.now();
        }
      }
    }
  }

  async #status(facts: Facts | undefined): Promise<FindingsStatus> {
    await this.#advance();
    if (facts !== undefined) {
      this.#findings.report(JSON.stringify(facts));
    }
    const status = JSON.parse(this.#findings.status()) as Omit<FindingsStatus, "marks" | "selected">;
    this.#outline = undefined;
    this.#rules = status.rules;
    const marks = {
      entries: this.#findings.marked(),
      levels: this.#findings.levels(),
      times: this.#findings.times(),
    };
    return { ...status, marks, selected: await this.#select() };
  }

  /** Selects the findings about the selected entries. */
  async #select(): Promise<SelectedFindings | undefined> {
    const entries = this.#entries;
    this.#places = undefined;
    if (entries === undefined) {
      return undefined;
    }
    this.#outline ??= await this.#createOutline();
    const outline = this.#outline;
    const places = outline.places(entries);
    const counts = new Map<string, number>();
    for (const place of places) {
      counts.set(outline.rule(place), (counts.get(outline.rule(place)) ?? 0) + 1);
    }
    const times = this.#findings.times();
    this.#places = places;
    const levels = LEVELS.map(() => 0);
    for (const place of places) {
      const nth = LEVELS.indexOf(outline.level(place));
      levels[nth] = (levels[nth] ?? 0) + 1;
    }
    return {
      findings: places.length,
      levels,
      rules: this.#rules.flatMap((rule) => {
        const findings = counts.get(rule.rule) ?? 0;
        return findings === 0 ? [] : { ...rule, findings };
      }),
      times: Float64Array.from(places, (place) => times[place] ?? 0),
    };
  }

  async #createOutline(): Promise<Outline> {
    const outline = new Outline();
    for (let from = 0; ; from += FINDINGS_PER_CALL) {
      const listed = this.list(from, from + FINDINGS_PER_CALL, undefined);
      for (const { total, finding } of listed) {
        const { id, rule, level, entries } = finding;
        outline.add({
          rule,
          level,
          entries: total > entries.length ? this.#findings.entries(id) : Float64Array.from(entries),
        });
      }
      if (listed.length < FINDINGS_PER_CALL) {
        return outline;
      }
      await yieldToMessages();
    }
  }
}
