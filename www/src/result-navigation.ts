import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { FindingCode } from "countersign/verify";
import type { Pair } from "./result/compare.ts";
import type { Case, VerificationInput } from "./state/case.ts";
import { both } from "./state/ranges.ts";
import type { Tab } from "./tabs.ts";

/** The elements in which a result is shown. */
interface Place {
  readonly element: HTMLElement;
  work(): Case | undefined;
  viewer(): Viewer | undefined;
  input(): VerificationInput;
  /** Renders again. Resolves when that is done. */
  drawn(): Promise<unknown>;
  /** Shows a tab of the result. */
  open(tab: Tab): Promise<unknown>;
  /** Reports that an event can't be shown. */
  lost(): void;
  /** Reports that an event is shown once the events are indexed. */
  waits(): void;
}

const FIRST_TWO: Pair = { one: 0, other: 1, agreement: undefined };

/** Navigation in a result: the part shown, two parts compared, an event, or a problem. */
export class ResultNavigation {
  readonly #place: Place;
  #shown = 0;
  #pair: Pair | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Index of the part shown. */
  get shown(): number {
    return this.#shown;
  }

  /** The two parts compared; undefined if none are. */
  get pair(): Pair | undefined {
    return this.#pair;
  }

  /** Resets the navigation for another result. */
  begin(): void {
    this.#shown = 0;
    this.#pair = undefined;
  }

  show(part: number): void {
    this.#shown = part;
    void this.#place.drawn();
  }

  /** Shows a line of the current part. */
  async goTo(line: number): Promise<void> {
    await this.#place.open("events");
    await this.#indexed(this.#shown);
    const viewer = this.#place.viewer();
    if (viewer === undefined) return;
    viewer.scrollIntoView({ block: "nearest" });
    if (!(await viewer.goTo(line))) this.#place.lost();
  }

  /** Shows the first event or withheld event at or after an entry. */
  async goToEntry(part: number, index: number): Promise<void> {
    await this.#indexed(part);
    const { coverage, session } = this.#place.work()?.parts[part] ?? {};
    const from = Float64Array.of(index, Number.MAX_SAFE_INTEGER);
    const [first = index] = coverage ? both(coverage.listed, from) : [];
    const line = await session?.index.lineOf(first);
    this.show(part);
    if (line !== undefined) await this.goTo(line);
  }

  async openProblems(code: FindingCode): Promise<void> {
    const { element } = this.#place;
    await this.#place.open("problems");
    const group = element.querySelector<HTMLDetailsElement>(`details[data-code="${CSS.escape(code)}"]`);
    if (!group) return;
    group.open = true;
    group.scrollIntoView({ block: "start" });
    group.querySelector<HTMLElement>("summary")?.focus();
  }

  /** Compares two parts; by default the first two. */
  async compare({ one, other }: Pair = FIRST_TWO): Promise<void> {
    const wasOpen = this.#pair !== undefined;
    const wanted: Pair = { one, other, agreement: undefined };
    this.#pair = wanted;
    void this.#place.drawn().then(() => wasOpen || this.#focus("#compare-heading"));
    const { work, input } = this.#place;
    // Another result may have replaced this one in the meantime.
    const agreement = await work()
      ?.compare(one, other, input())
      .catch(() => undefined);
    if (this.#pair !== wanted || agreement === undefined) return;
    this.#pair = { ...wanted, agreement };
    void this.#place.drawn();
  }

  closeComparison(): void {
    this.#pair = undefined;
    void this.#place.drawn().then(() => this.#focus("#parts-heading"));
  }

  /** Resolves when the events of a part are indexed. */
  async #indexed(part: number): Promise<void> {
    const session = this.#place.work()?.parts[part]?.session;
    if (session?.phase !== "indexing") return;
    this.#place.waits();
    await session.ended;
  }

  #focus(selector: string): void {
    this.#place.element.querySelector<HTMLElement>(selector)?.focus();
  }
}
