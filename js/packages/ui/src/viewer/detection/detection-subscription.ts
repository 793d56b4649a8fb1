import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { ListedFinding } from "../../analyze/types.js";
import type { Detection } from "./detection.js";

interface Host extends ReactiveControllerHost {
  readonly detection: Detection | undefined;
  readonly isConnected: boolean;
}

/** Calls a part of the viewer on changes of its detection, for as long as the part is connected. */
export class DetectionSubscription implements ReactiveController {
  readonly #host: Host;
  readonly #onChange: () => void;
  #subscribed: Detection | undefined;

  constructor(host: Host, onChange: () => void) {
    this.#host = host;
    this.#onChange = onChange;
    host.addController(this);
  }

  readonly hostConnected = (): void => {
    const { detection, isConnected } = this.#host;
    const current = isConnected ? detection : undefined;
    if (current !== this.#subscribed) {
      this.#subscribed?.removeEventListener("change", this.#onChange);
      current?.addEventListener("change", this.#onChange);
      this.#subscribed = current;
    }
  };

  readonly hostDisconnected = this.hostConnected;
  readonly hostUpdate = this.hostConnected;
}

/** The findings that a part of the viewer shows, requested again whenever the detection has changed. */
export class FindingList {
  /** The last findings received. */
  listed: readonly ListedFinding[] = [];
  readonly #host: Host;
  readonly #ask: (answers: NonNullable<Detection["answers"]>) => Promise<readonly ListedFinding[]>;
  #request = 0;

  constructor(host: Host, ask: (answers: NonNullable<Detection["answers"]>) => Promise<readonly ListedFinding[]>) {
    this.#host = host;
    this.#ask = ask;
    new DetectionSubscription(host, () => this.ask());
  }

  /** Clears the findings and requests others. */
  begin(): void {
    this.listed = [];
    this.ask();
  }

  /** Requests the findings. Earlier requests are dropped. */
  async ask(): Promise<void> {
    this.#request += 1;
    const request = this.#request;
    const { detection } = this.#host;
    const answers = detection?.status && detection.answers;
    const listed = answers && (await this.#ask(answers).catch(() => undefined));
    if (request === this.#request && listed !== undefined) {
      this.listed = listed;
    }
    this.#host.requestUpdate();
  }
}
