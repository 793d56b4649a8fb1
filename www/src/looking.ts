import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { FindingCode } from "countersign/verify";
import type { Pair } from "./result/compare.ts";
import type { Brought, Case } from "./state/case.ts";
import { both } from "./state/ranges.ts";
import type { Tab } from "./tabs.ts";

/** Where a result is looked at. */
interface Place {
  readonly element: HTMLElement;
  work(): Case | undefined;
  viewer(): Viewer | undefined;
  brought(): Brought;
  /** Draws again, and is done when that is drawn. */
  drawn(): Promise<unknown>;
  /** Shows a part of the result. */
  open(tab: Tab): Promise<unknown>;
  /** An event cannot be shown. */
  lost(): void;
}

const FIRST_TWO: Pair = { one: 0, other: 1, agreement: undefined };

/** What of a result is looked at: one of the parts, two of them beside each other, an event, findings. */
export class Looking {
  readonly #place: Place;
  #shown = 0;
  #pair: Pair | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Which part. */
  get shown(): number {
    return this.#shown;
  }

  /** Which two are compared; undefined while none are. */
  get pair(): Pair | undefined {
    return this.#pair;
  }

  /** There will be another result. */
  begin(): void {
    this.#shown = 0;
    this.#pair = undefined;
  }

  show(part: number): void {
    this.#shown = part;
    void this.#place.drawn();
  }

  /** Shows what stands on a line of the part that is shown. */
  async goTo(line: number): Promise<void> {
    await this.#place.open("events");
    const viewer = this.#place.viewer();
    if (viewer === undefined) return;
    viewer.scrollIntoView({ block: "nearest" });
    if (!(await viewer.goTo(line))) this.#place.lost();
  }

  /** Goes to the first event or withheld event from a leaf on. */
  async goToEntry(part: number, index: number): Promise<void> {
    const { coverage, session } = this.#place.work()?.parts[part] ?? {};
    const from = Float64Array.of(index, Number.MAX_SAFE_INTEGER);
    const [leaf = index] = coverage ? both(coverage.listed, from) : [];
    const line = await session?.index.lineOf(leaf);
    this.show(part);
    if (line !== undefined) await this.goTo(line);
  }

  async openFindings(code: FindingCode): Promise<void> {
    const { element } = this.#place;
    await this.#place.open("findings");
    const group = element.querySelector<HTMLDetailsElement>(`details[data-code="${CSS.escape(code)}"]`);
    if (!group) return;
    group.open = true;
    group.scrollIntoView({ block: "start" });
    group.querySelector<HTMLElement>("summary")?.focus();
  }

  /** Compares two parts, the first two where none are named. */
  async compare({ one, other }: Pair = FIRST_TWO): Promise<void> {
    const wasOpen = this.#pair !== undefined;
    const wanted: Pair = { one, other, agreement: undefined };
    this.#pair = wanted;
    void this.#place.drawn().then(() => wasOpen || this.#focus("#compare-heading"));
    const { work, brought } = this.#place;
    // Where there is another result by now, nobody waits for the answer.
    const agreement = await work()
      ?.compare(one, other, brought())
      .catch(() => undefined);
    if (this.#pair !== wanted || agreement === undefined) return;
    this.#pair = { ...wanted, agreement };
    void this.#place.drawn();
  }

  closeComparison(): void {
    this.#pair = undefined;
    void this.#place.drawn().then(() => this.#focus("#parts-heading"));
  }

  #focus(selector: string): void {
    this.#place.element.querySelector<HTMLElement>(selector)?.focus();
  }
}
