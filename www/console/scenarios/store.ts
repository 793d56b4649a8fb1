import type { LoadedFile } from "../overview.ts";

const PREFIX = "countersign.scenarios/";
/** Maximum number of scenarios, and of all their characters, which leaves room for others in the browser's storage. */
export const MAX_SCENARIOS = 50;
const MAX_CHARS = 1 << 20;

/** The reader's scenarios, stored in this browser for the console at one address. */
export class ScenarioStore {
  readonly #key: string;
  #files: readonly LoadedFile[] = [];
  /** The stored text as last read. Another tab may have written since. */
  #text: string | null = null;
  #isKept = true;

  constructor({ pathname }: Pick<Location, "pathname"> = location) {
    this.#key = PREFIX + pathname;
  }

  get files(): readonly LoadedFile[] {
    this.#read();
    return this.#files;
  }

  /** False if they are lost when the page is closed: the browser doesn't store them, or they are too many. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Adds files. One with the name of an earlier file replaces it. */
  add(added: readonly LoadedFile[]): void {
    const of = new Map([...this.files, ...added].map((file) => [file.name, file]));
    this.#write([...of.values()]);
  }

  /** Replaces the file with this name, in its place. Adds the new one if there is none. */
  replace(name: string | undefined, file: LoadedFile): void {
    const { files } = this;
    const isNew = files.every((other) => other.name !== name);
    if (isNew) this.add([file]);
    else
      this.#write(
        files
          .filter((other) => other.name === name || other.name !== file.name)
          .map((other) => (other.name === name ? file : other)),
      );
  }

  remove(name: string): void {
    this.#write(this.files.filter((file) => file.name !== name));
  }

  #read(): void {
    const stored = this.#isKept ? textOf(this.#key) : this.#text;
    if (stored === this.#text) return;
    this.#text = stored;
    this.#files = stored === null ? [] : parse(stored);
  }

  #write(files: readonly LoadedFile[]): void {
    this.#files = files;
    const text = JSON.stringify(files);
    this.#text = text;
    try {
      if (files.length > MAX_SCENARIOS || text.length > MAX_CHARS) throw new RangeError("too many scenarios");
      if (files.length === 0) localStorage.removeItem(this.#key);
      else localStorage.setItem(this.#key, text);
      if (files.length === 0) this.#text = null;
      this.#isKept = true;
    } catch {
      this.#isKept = false;
    }
  }
}

function textOf(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Parses stored files; none unless this page wrote them. */
function parse(text: string): readonly LoadedFile[] {
  try {
    const stored: unknown = JSON.parse(text);
    return Array.isArray(stored) ? stored.filter(isFile).slice(0, MAX_SCENARIOS) : [];
  } catch {
    return [];
  }
}

function isFile(value: unknown): value is LoadedFile {
  const { name, text } = Object(value) as Partial<Record<keyof LoadedFile, unknown>>;
  return typeof name === "string" && typeof text === "string";
}
