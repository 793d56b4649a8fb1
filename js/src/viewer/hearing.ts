import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Detection } from "./detection.js";

/** A part of the viewer that has a detection. */
export interface HearingHost extends ReactiveControllerHost {
  readonly detection: Detection | undefined;
  readonly isConnected: boolean;
}

/** Has a part of the viewer hear of its detection's changes, for as long as it is in the page. */
export class Hearing implements ReactiveController {
  readonly #host: HearingHost;
  readonly #changed: () => void;
  #heard: Detection | undefined;

  constructor(host: HearingHost, changed: () => void) {
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
