import type { Paper } from "./frame.ts";

const PREFIX = "countersign.papers/";
/** Maximum number of files with notes; the oldest are dropped. */
const MAX_FILES = 50;
/** Maximum number of notes per file. */
export const MAX_PAPERS = 1000;
/** Maximum length of a comment, in characters. At four bytes each it stays within the format's limit. */
export const MAX_COMMENT_LENGTH = 2000;

interface StoredPapers {
  readonly when: string;
  readonly papers: readonly Paper[];
}

/** The reader's notes on events, stored on this device under the file's SHA-256. */
export class Papers {
  readonly #key: string;
  #papers = new Map<number, Paper>();
  /** The stored text as last read. Another tab may have written since. */
  #text: string | null = null;
  #isKept = true;

  constructor(sha256: string) {
    this.#key = PREFIX + sha256;
  }

  /** All notes, ordered by entry. */
  get all(): readonly Paper[] {
    return [...this.#read().values()].sort((a, b) => a.entry - b.entry);
  }

  /** True if the browser stores them. */
  get isKept(): boolean {
    return this.#isKept;
  }

  of(entry: number): Paper {
    return this.#read().get(entry) ?? { entry, ticked: false, flagged: false, comment: "" };
  }

  /** True if one more event can have a note. */
  hasRoomFor(entry: number): boolean {
    const papers = this.#read();
    return papers.has(entry) || papers.size < MAX_PAPERS;
  }

  write(paper: Paper, now: Date): void {
    const papers = this.#read();
    const comment = paper.comment.slice(0, MAX_COMMENT_LENGTH);
    if (!paper.ticked && !paper.flagged && comment === "") papers.delete(paper.entry);
    else if (this.hasRoomFor(paper.entry)) papers.set(paper.entry, { ...paper, comment });
    const stored: StoredPapers = { when: now.toISOString(), papers: [...papers.values()] };
    try {
      this.#text = JSON.stringify(stored);
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
  return whens.slice(0, Math.max(0, keys.length - MAX_FILES)).map(([, key]) => key);
}

function textOf(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Parses stored notes; undefined unless this page wrote them. */
function parse(text: string): StoredPapers | undefined {
  try {
    const stored: unknown = JSON.parse(text);
    const { when, papers } = Object(stored) as Partial<Record<keyof StoredPapers, unknown>>;
    if (typeof when !== "string" || !Array.isArray(papers)) return undefined;
    return { when, papers: papers.filter(isPaper).slice(0, MAX_PAPERS) };
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
    comment.length <= MAX_COMMENT_LENGTH
  );
}
