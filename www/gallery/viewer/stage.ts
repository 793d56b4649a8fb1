import { Session } from "@countersign/ui/viewer/session/session.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import { example, linesOf } from "../exports.ts";
import { readAddress } from "../run.ts";
import { until } from "../until.ts";

let sessions: Session[] = [];

/** Removes the previous state. */
export function clear(): void {
  for (const viewer of document.querySelectorAll("countersign-viewer")) viewer.remove();
  for (const session of sessions) session.close();
  sessions = [];
  document.documentElement.dir = "";
}

/** Adds a viewer to the page, as set up by `setUp`. */
export function put(setUp: (viewer: Viewer) => void = () => {}): Viewer {
  const viewer = new Viewer();
  viewer.theme = readAddress().theme ?? null;
  setUp(viewer);
  document.querySelector("main")?.append(viewer);
  return viewer;
}

/** Shows a viewer of an export, with its verdict and first rows. */
export async function shown(name: string, setUp: (viewer: Viewer) => void = () => {}): Promise<Viewer> {
  const viewer = put();
  setUp(viewer);
  const { file, trust, pins, expect } = await example(name);
  const { tools } = Viewer;
  if (tools === undefined) throw new Error("the viewer has no tools");
  const session = new Session(file, { trust, pins, expect, name: file.name }, tools);
  sessions.push(session);
  viewer.session = session;
  await session.ended;
  await settled(viewer);
  return viewer;
}

/** Waits until the result of the search is rendered. */
export async function settled(viewer: Viewer): Promise<void> {
  await until(() => viewer.session === undefined || !viewer.session.isRunning);
  await until(() => find(viewer, ".notice > p[role=status]"));
  await until(() => !find(viewer, "cs-rows .row.unread") && !find(viewer, "cs-rows [aria-busy=true]"));
}

/** Returns an element in the viewer. */
export function find(viewer: Viewer, selector: string): HTMLElement | null {
  return viewer.shadowRoot?.querySelector<HTMLElement>(selector) ?? null;
}

/** Waits for an element in the viewer. */
export function met(viewer: Viewer, selector: string): Promise<HTMLElement> {
  return until(() => find(viewer, selector));
}

/** Presses an element once it exists and is enabled. */
export async function press(viewer: Viewer, selector: string): Promise<void> {
  (await until(() => find(viewer, `:is(${selector}):not(:disabled)`))).click();
}

/** Types into the search. */
export async function search(viewer: Viewer, text: string): Promise<void> {
  const input = (await met(viewer, ".query-input")) as HTMLInputElement;
  input.focus();
  input.value = text;
  input.dispatchEvent(new Event("input"));
}

/** Applies the search. */
export async function enter(viewer: Viewer): Promise<void> {
  (await met(viewer, ".query-input")).dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}

/** Opens the first row that matches. */
export async function open(viewer: Viewer, row: string): Promise<void> {
  await press(viewer, `cs-rows ${row}`);
  await met(viewer, "#cs-drawer-heading");
}

/** A log server's live view, answered by this page. */
export class Stream {
  readonly #lines: readonly string[];
  #at = 0;
  #index = 0;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;

  private constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** Creates the live view of a vector. */
  static async ofVector(name: string): Promise<Stream> {
    return new Stream(await linesOf(name));
  }

  /** Answers the first request, and no other. */
  readonly request = async (_address: string, { signal }: RequestInit): Promise<Response> => {
    if (this.#controller !== undefined) throw new TypeError("the connection failed");
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

  /** Sends all lines up to and including the next checkpoint, each changed by `changed`. */
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

  /** Sends only the header. */
  async begin(): Promise<void> {
    const controller = await until(() => this.#controller);
    controller.enqueue(new TextEncoder().encode(`data: ${this.#lines[0]}\n\n`));
  }

  /** Cuts the connection. */
  cut(): void {
    this.#controller?.error(new TypeError("the connection was lost"));
  }
}
