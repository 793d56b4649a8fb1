/** The trust file of a log for development, which is read again when it changes. */

import { readFile } from "node:fs/promises";

/** Milliseconds between checks, as in the native program. */
const CHECK_INTERVAL_MS = 1_000;

export class TrustFile {
  readonly path: string;
  #text: string;
  /** The text of the last check, which the log may have rejected. */
  #checked: string;
  #timer: NodeJS.Timeout | undefined;

  /** `text` is the file's content at the start. */
  constructor(path: string, text: string) {
    this.path = path;
    this.#text = text;
    this.#checked = text;
  }

  /** The text in force. */
  get text(): string {
    return this.#text;
  }

  /** Calls `apply` with each new text until `close`. It returns false to keep the last one in force. */
  follow(apply: (text: string) => Promise<boolean>): void {
    this.#timer = setTimeout(async () => {
      const text = await readFile(this.path, "utf8").catch(() => this.#checked);
      if (text !== this.#checked && this.#timer !== undefined) {
        this.#checked = text;
        this.#text = (await apply(text)) ? text : this.#text;
      }
      if (this.#timer !== undefined) {
        this.follow(apply);
      }
    }, CHECK_INTERVAL_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
