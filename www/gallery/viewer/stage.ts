import { Session } from "@countersign/ui/viewer/session/session.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import { example, linesOf } from "../exports.ts";
import { asked } from "../run.ts";
import { until } from "../until.ts";

let sessions: Session[] = [];

/** Takes away what the state before showed. */
export function clear(): void {
  for (const viewer of document.querySelectorAll("countersign-viewer")) viewer.remove();
  for (const session of sessions) session.close();
  sessions = [];
  document.documentElement.dir = "";
}

/** A viewer in the page, as it is after `given`. */
export function put(given: (viewer: Viewer) => void = () => {}): Viewer {
  const viewer = new Viewer();
  viewer.theme = asked().theme ?? null;
  given(viewer);
  document.querySelector("main")?.append(viewer);
  return viewer;
}

/** A viewer of an export, once the verdict and the first rows are there. */
export async function shown(name: string, given: (viewer: Viewer) => void = () => {}): Promise<Viewer> {
  const viewer = put();
  given(viewer);
  const { file, trust, pins, expect } = await example(name);
  const { tools } = Viewer;
  if (tools === undefined) throw new Error("there are no tools");
  const session = new Session(file, { trust, pins, expect, name: file.name }, tools);
  sessions.push(session);
  viewer.session = session;
  await session.ended;
  await settled(viewer);
  return viewer;
}

/** Waits until what is asked for is drawn. */
export async function settled(viewer: Viewer): Promise<void> {
  await until(() => viewer.session === undefined || !viewer.session.isRunning);
  await until(() => find(viewer, ".notice > p[role=status]"));
  await until(() => !find(viewer, "cs-rows .row.unread") && !find(viewer, "cs-rows [aria-busy=true]"));
}

/** An element in the viewer. */
export function find(viewer: Viewer, selector: string): HTMLElement | null {
  return viewer.shadowRoot?.querySelector<HTMLElement>(selector) ?? null;
}

/** The same, once it is there. */
export function met(viewer: Viewer, selector: string): Promise<HTMLElement> {
  return until(() => find(viewer, selector));
}

/** Presses what is found so, once it is there and can be pressed. */
export async function press(viewer: Viewer, selector: string): Promise<void> {
  (await until(() => find(viewer, `:is(${selector}):not(:disabled)`))).click();
}

/** Writes into the search. */
export async function search(viewer: Viewer, text: string): Promise<void> {
  const input = (await met(viewer, ".query-input")) as HTMLInputElement;
  input.focus();
  input.value = text;
  input.dispatchEvent(new Event("input"));
}

/** Ends writing. */
export async function enter(viewer: Viewer): Promise<void> {
  (await met(viewer, ".query-input")).dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}

/** Opens the first row that fits. */
export async function open(viewer: Viewer, row: string): Promise<void> {
  await press(viewer, `cs-rows ${row}`);
  await met(viewer, "#cs-drawer-heading");
}

/** A log server's live view that this page answers itself. */
export class Stream {
  readonly #lines: readonly string[];
  #at = 0;
  #index = 0;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;

  private constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** That of a vector. */
  static async of(name: string): Promise<Stream> {
    return new Stream(await linesOf(name));
  }

  /** Answers the first time that it is asked, and never again. */
  readonly request = async (_address: string, { signal }: RequestInit): Promise<Response> => {
    if (this.#controller !== undefined) throw new TypeError("there is no connection");
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

  /** Sends all lines up to, and with, the next checkpoint; each as `changed` makes it. */
  async send(changed: (line: string) => string = (line) => line): Promise<void> {
    const controller = await until(() => this.#controller);
    let line = "";
    while (this.#at < this.#lines.length && !line.includes('"checkpoint"')) {
      line = this.#lines[this.#at] ?? "";
      this.#at += 1;
      const isLeaf = !line.includes('"checkpoint"') && !line.startsWith('{"countersign"');
      const id = isLeaf ? `id: ${this.#index++}\n` : "";
      controller.enqueue(new TextEncoder().encode(`${id}data: ${changed(line)}\n\n`));
    }
  }

  /** Sends the header alone. */
  async begin(): Promise<void> {
    const controller = await until(() => this.#controller);
    controller.enqueue(new TextEncoder().encode(`data: ${this.#lines[0]}\n\n`));
  }

  /** Cuts the connection. */
  cut(): void {
    this.#controller?.error(new TypeError("the connection was lost"));
  }
}
