import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Listed } from "../../analyze/types.js";
import type { Detection } from "./detection.js";

interface Host extends ReactiveControllerHost {
  readonly detection: Detection | undefined;
  readonly isConnected: boolean;
}

/** Has a part of the viewer hear of its detection's changes, for as long as it is in the page. */
export class Hearing implements ReactiveController {
  readonly #host: Host;
  readonly #changed: () => void;
  #heard: Detection | undefined;

  constructor(host: Host, changed: () => void) {
    this.#host = host;
    this.#changed = changed;
    host.addController(this);
  }

  readonly hostConnected = (): void => {
    const { detection, isConnected } = this.#host;
    const wanted = isConnected ? detection : undefined;
    if (wanted !== this.#heard) {
      this.#heard?.removeEventListener("change", this.#changed);
      wanted?.addEventListener("change", this.#changed);
      this.#heard = wanted;
    }
  };

  readonly hostDisconnected = this.hostConnected;
  readonly hostUpdate = this.hostConnected;
}

/** Findings that a part of the viewer shows: asked for anew whenever its detection goes on. */
export class Listing {
  /** Those that were asked for last and came. */
  listed: readonly Listed[] = [];
  readonly #host: Host;
  readonly #ask: (answers: NonNullable<Detection["answers"]>) => Promise<readonly Listed[]>;
  #asked = 0;

  constructor(host: Host, ask: (answers: NonNullable<Detection["answers"]>) => Promise<readonly Listed[]>) {
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
