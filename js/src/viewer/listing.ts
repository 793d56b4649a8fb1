import type { Listed } from "../analyze/types.js";
import type { Detection } from "./detection.js";
import { Hearing, type HearingHost } from "./hearing.js";

/** Findings that a part of the viewer shows: asked for anew whenever its detection goes on. */
export class Listing {
  /** Those that were asked for last and came. */
  listed: readonly Listed[] = [];
  readonly #host: HearingHost;
  readonly #ask: (answers: NonNullable<Detection["answers"]>) => Promise<readonly Listed[]>;
  #asked = 0;

  constructor(host: HearingHost, ask: (answers: NonNullable<Detection["answers"]>) => Promise<readonly Listed[]>) {
    this.#host = host;
    this.#ask = ask;
    new Hearing(host, () => this.ask());
  }

  /** Forgets what came, and asks for others. */
  begin(): void {
    this.listed = [];
    this.ask();
  }

  /** Asks. What was asked before is not wanted any more. */
  async ask(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const { detection } = this.#host;
    const answers = detection?.told && detection.answers;
    const listed = answers && (await this.#ask(answers).catch(() => undefined));
    if (asked === this.#asked && listed !== undefined) {
      this.listed = listed;
    }
    this.#host.requestUpdate();
  }
}
