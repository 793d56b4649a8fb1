import type { Paper } from "./frame.ts";

const PREFIX = "countersign.papers/";
/** Of so many files notes are kept; the oldest give way. */
const MOST_FILES = 50;
/** So many events of a file can have notes here. */
export const MOST_PAPERS = 1000;
/** No comment is longer, in characters: four bytes each are within the format's limit. */
export const LONGEST_COMMENT = 2000;

interface Kept {
  readonly when: string;
  readonly papers: readonly Paper[];
}

/** What the reader writes to events: kept on this device, beside the file's SHA-256. */
export class Papers {
  readonly #key: string;
  #papers = new Map<number, Paper>();
  /** What was kept when it was read last: another tab may have written since. */
  #text: string | null = null;
  #isKept = true;

  constructor(sha256: string) {
    this.#key = PREFIX + sha256;
  }

  /** By entry. */
  get all(): readonly Paper[] {
    return [...this.#read().values()].sort((one, other) => one.entry - other.entry);
  }

  /** Whether the browser keeps them. */
  get isKept(): boolean {
    return this.#isKept;
  }

  of(entry: number): Paper {
    return this.#read().get(entry) ?? { entry, ticked: false, flagged: false, comment: "" };
  }

  /** Whether one more event can have a note. */
  hasRoomFor(entry: number): boolean {
    const papers = this.#read();
    return papers.has(entry) || papers.size < MOST_PAPERS;
  }

  write(paper: Paper, now: Date): void {
    const papers = this.#read();
    const comment = paper.comment.slice(0, LONGEST_COMMENT);
    if (!paper.ticked && !paper.flagged && comment === "") papers.delete(paper.entry);
    else if (this.hasRoomFor(paper.entry)) papers.set(paper.entry, { ...paper, comment });
    const kept: Kept = { when: now.toISOString(), papers: [...papers.values()] };
    try {
      this.#text = JSON.stringify(kept);
      localStorage.setItem(this.#key, this.#text);
      for (const key of oldest()) localStorage.removeItem(key);
      this.#isKept = true;
    } catch {
      this.#isKept = false;
    }
  }

  #read(): Map<number, Paper> {
    const text = this.#isKept ? textOf(this.#key) : null;
    if (text !== null && text !== this.#text) {
      this.#text = text;
      this.#papers = new Map(parse(text)?.papers.map((paper) => [paper.entry, paper]));
    }
    return this.#papers;
  }
}

function oldest(): readonly string[] {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  const whens = keys.map((key) => [parse(textOf(key) ?? "")?.when ?? "", key] as const).sort();
  return whens.slice(0, Math.max(0, keys.length - MOST_FILES)).map(([, key]) => key);
}

function textOf(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** What was kept, as far as it is what this page writes. */
function parse(text: string): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(text);
    const { when, papers } = Object(kept) as Partial<Record<keyof Kept, unknown>>;
    if (typeof when !== "string" || !Array.isArray(papers)) return undefined;
    return { when, papers: papers.filter(isPaper).slice(0, MOST_PAPERS) };
  } catch {
    return undefined;
  }
}

function isPaper(value: unknown): value is Paper {
  const { entry, ticked, flagged, comment } = Object(value) as Partial<Record<keyof Paper, unknown>>;
  return (
    Number.isSafeInteger(entry) &&
    (entry as number) >= 0 &&
    typeof ticked === "boolean" &&
    typeof flagged === "boolean" &&
    typeof comment === "string" &&
    comment.length <= LONGEST_COMMENT
  );
}
