/** The worker that cuts an export into stretches, shares them out and takes their summaries in order. */

import { Coordinator } from "../wasm/verifier.js";
import { Chunks } from "./chunks.js";
import { type Feed, type FromSummarizer, moved, type Outcome, type Task, type ToSummarizer } from "./messages.js";
import type { HostPort, Port } from "./port.js";
import { ResultSender } from "./result-sender.js";

/** How many stretches each summarizer has at a time: one in work, and more so that it never waits. */
const STRETCHES_EACH = 3;

/** The size of buffers that are used again: twice that of most stretches. */
const STRETCH_BUFFER = 512 << 10;

const NOTHING = new Uint8Array();

/** Gives what takes the host's messages. */
export function coordinate(
  host: HostPort,
  task: Task,
  ports: Port<FromSummarizer, ToSummarizer>[],
  fail: (error: unknown) => void,
): (message: Feed) => void {
  const summarizers = ports.map((port) => ({ port, stretches: 0 }));
  const sharing = new Sharing(host, task, summarizers);
  for (const summarizer of summarizers) {
    summarizer.port.onmessage = ({ data }) => {
      try {
        sharing.take(summarizer, data);
      } catch (error) {
        fail(error);
      }
    };
  }
  return (message) => sharing.receive(message);
}

/** A summarizer, and how many stretches it has. */
interface Summarizer {
  port: Port<FromSummarizer, ToSummarizer>;
  stretches: number;
}

class Sharing {
  #host: HostPort;
  #summarizers: Summarizer[];
  #coordinator: Coordinator;
  #wantsEvents: boolean;
  #sender: ResultSender;
  #outcome: Outcome | undefined;
  #chunks = new Chunks();
  #spare: ArrayBuffer[] = [];
  /** `drained` is an input that has ended and whose every stretch was shared out. */
  #input: "open" | "ended" | "draining" | "drained" | "done" = "open";
  /** Whether the summarizers know the origin. */
  #begun = false;
  /** The numbers of the next stretch to be shared out and of the next one to be absorbed. */
  #next = 0;
  #absorbed = 0;
  /** Summaries that came before their turn. */
  #early = new Map<number, FromSummarizer>();

  constructor(host: HostPort, task: Task, summarizers: Summarizer[]) {
    this.#host = host;
    this.#summarizers = summarizers;
    this.#coordinator = new Coordinator(task.trust, task.pins, task.expect, task.wants);
    this.#sender = new ResultSender(host, this.#coordinator);
    this.#wantsEvents = task.wants.events;
  }

  /** A message of the host. */
  receive(message: Feed): void {
    switch (message.type) {
      case "chunk":
        this.#chunks.add(message.bytes);
        break;
      case "end":
        this.#input = "ended";
        break;
      case "shown":
        this.#sender.shown(message.bytes);
        break;
    }
    this.#proceed();
  }

  /** A summary. */
  take(from: Summarizer, summary: FromSummarizer): void {
    from.stretches -= 1;
    this.#early.set(summary.number, summary);
    this.#absorb();
    this.#proceed();
  }

  #proceed(): void {
    if (this.#input === "done") {
      return;
    }
    while (this.#hasRoom && this.#step()) {}
    if (this.#input === "drained" && this.#absorbed === this.#next) {
      this.#finish();
    }
  }

  /** Everything was absorbed. */
  #finish(): void {
    if (this.#outcome === undefined) {
      this.#outcome = this.#coordinator.finish() as Outcome;
      this.#sender.show();
    }
    if (this.#sender.isDone) {
      this.#input = "done";
      this.#coordinator.free();
      this.#host.postMessage({ type: "done", outcome: this.#outcome }, []);
    }
  }

  /** Whether one more stretch may be under way. */
  get #hasRoom(): boolean {
    const room = this.#summarizers.length * STRETCHES_EACH;
    return this.#next - this.#absorbed < room && this.#sender.hasRoom;
  }

  /** Shares out a stretch, or else gets more; says whether there was anything to do. */
  #step(): boolean {
    const length = this.#coordinator.nextStretch();
    if (length !== undefined) {
      this.#share(length);
    } else if (!this.#chunks.isEmpty) {
      const { bytes, spent } = this.#chunks.offer((chunk) => this.#coordinator.push(chunk));
      const { lines, events } = this.#coordinator;
      this.#host.postMessage({ type: "taken", bytes, counts: { lines, events }, spent }, spent ? [spent] : []);
    } else if (this.#input === "ended") {
      this.#coordinator.end();
      this.#input = "draining";
    } else {
      if (this.#input === "draining") {
        this.#input = "drained";
      }
      return false;
    }
    return true;
  }

  /** Shares out the next stretch. */
  #share(length: number): void {
    const { origin } = this.#coordinator;
    if (!this.#begun && origin !== undefined) {
      this.#begun = true;
      this.#tellAll({ type: "origin", origin });
    }
    const idlest = this.#summarizers.reduce((a, b) => (b.stretches < a.stretches ? b : a));
    idlest.stretches += 1;
    const stretch = new Uint8Array(this.#buffer(length), 0, length);
    this.#coordinator.takeStretch(stretch);
    idlest.port.postMessage({ type: "stretch", number: this.#next, stretch }, moved(stretch));
    this.#next += 1;
  }

  /** A buffer for a stretch, with room for its summary. */
  #buffer(length: number): ArrayBuffer {
    return length > STRETCH_BUFFER ? new ArrayBuffer(length) : (this.#spare.pop() ?? new ArrayBuffer(STRETCH_BUFFER));
  }

  /** Takes the summaries whose turn has come. */
  #absorb(): void {
    for (;;) {
      const next = this.#early.get(this.#absorbed);
      if (next === undefined) {
        return;
      }
      this.#early.delete(this.#absorbed);
      this.#absorbed += 1;
      const { summary, stretch } = next;
      this.#coordinator.absorb(summary, this.#wantsEvents ? stretch : NOTHING);
      if (stretch.buffer.byteLength === STRETCH_BUFFER) {
        this.#spare.push(stretch.buffer);
      }
      const opened = this.#coordinator.takeOpened();
      if (opened.length > 0) {
        this.#tellAll({ type: "opened", opened });
      }
      this.#sender.show();
    }
  }

  #tellAll(message: ToSummarizer): void {
    for (const { port } of this.#summarizers) {
      port.postMessage(message, []);
    }
  }
}
