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
  readonly #papers: Map<number, Paper>;
  #isKept = true;

  constructor(sha256: string) {
    this.#key = PREFIX + sha256;
    this.#papers = new Map(read(this.#key)?.papers.map((paper) => [paper.leaf, paper]));
  }

  /** By leaf. */
  get all(): readonly Paper[] {
    return [...this.#papers.values()].sort((one, other) => one.leaf - other.leaf);
  }

  /** Whether the browser keeps them. */
  get isKept(): boolean {
    return this.#isKept;
  }

  of(leaf: number): Paper {
    return this.#papers.get(leaf) ?? { leaf, ticked: false, flagged: false, comment: "" };
  }

  /** Whether one more event can have a note. */
  hasRoomFor(leaf: number): boolean {
    return this.#papers.has(leaf) || this.#papers.size < MOST_PAPERS;
  }

  write(paper: Paper, now: Date): void {
    const comment = paper.comment.slice(0, LONGEST_COMMENT);
    if (!paper.ticked && !paper.flagged && comment === "") this.#papers.delete(paper.leaf);
    else if (this.hasRoomFor(paper.leaf)) this.#papers.set(paper.leaf, { ...paper, comment });
    try {
      if (this.#papers.size === 0) {
        localStorage.removeItem(this.#key);
        return;
      }
      const kept: Kept = { when: now.toISOString(), papers: this.all };
      localStorage.setItem(this.#key, JSON.stringify(kept));
      for (const key of oldest()) localStorage.removeItem(key);
      this.#isKept = true;
    } catch {
      this.#isKept = false;
    }
  }
}

function oldest(): readonly string[] {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  const whens = keys.map((key) => [read(key)?.when ?? "", key] as const).sort();
  return whens.slice(0, Math.max(0, keys.length - MOST_FILES)).map(([, key]) => key);
}

/** What was kept, as far as it is what this page writes. */
function read(key: string): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    const { when, papers } = Object(kept) as Partial<Record<keyof Kept, unknown>>;
    if (typeof when !== "string" || !Array.isArray(papers)) return undefined;
    return { when, papers: papers.filter(isPaper).slice(0, MOST_PAPERS) };
  } catch {
    return undefined;
  }
}

function isPaper(value: unknown): value is Paper {
  const { leaf, ticked, flagged, comment } = Object(value) as Partial<Record<keyof Paper, unknown>>;
  return (
    Number.isSafeInteger(leaf) &&
    (leaf as number) >= 0 &&
    typeof ticked === "boolean" &&
    typeof flagged === "boolean" &&
    typeof comment === "string" &&
    comment.length <= LONGEST_COMMENT
  );
}
