import type { ReactiveController, ReactiveControllerHost } from "lit";
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

/** Answers about findings that a part of the viewer shows, requested again whenever the detection has changed. */
export class FindingAnswers<Answer> {
  /** The last answer received. */
  last: Answer;
  readonly #none: Answer;
  readonly #host: Host;
  readonly #ask: (answers: NonNullable<Detection["answers"]>) => Promise<Answer>;
  #request = 0;

  /** `none` stands until an answer arrives. */
  constructor(host: Host, none: Answer, ask: (answers: NonNullable<Detection["answers"]>) => Promise<Answer>) {
    this.#host = host;
    this.#none = none;
    this.last = none;
    this.#ask = ask;
    new DetectionSubscription(host, () => this.ask());
  }

  /** Clears the answer and requests another. */
  begin(): void {
    this.last = this.#none;
    this.ask();
  }

  /** Requests the answer. Earlier requests are dropped. */
  async ask(): Promise<void> {
    this.#request += 1;
    const request = this.#request;
    const { detection } = this.#host;
    const answers = detection?.status && detection.answers;
    const answer = answers && (await this.#ask(answers).catch(() => undefined));
    if (request === this.#request && answer !== undefined) {
      this.last = answer;
    }
    this.#host.requestUpdate();
  }
}
