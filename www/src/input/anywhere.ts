import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Who takes what is dropped and pasted. */
interface Taker {
  files(files: readonly File[]): void;
  text(text: string): void;
}

/** Files and texts that are dropped or pasted anywhere on the page but into a field. */
export class Anywhere implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #taker: Taker;
  #isOver = false;

  constructor(host: ReactiveControllerHost, taker: Taker) {
    this.#host = host;
    this.#taker = taker;
    host.addController(this);
  }

  /** Whether something that can be dropped is held over the page. */
  get isOver(): boolean {
    return this.#isOver;
  }

  hostConnected(): void {
    window.addEventListener("dragover", this.#drag);
    window.addEventListener("dragleave", this.#leave);
    window.addEventListener("drop", this.#drop);
    window.addEventListener("paste", this.#paste);
  }

  hostDisconnected(): void {
    window.removeEventListener("dragover", this.#drag);
    window.removeEventListener("dragleave", this.#leave);
    window.removeEventListener("drop", this.#drop);
    window.removeEventListener("paste", this.#paste);
  }

  readonly #drag = (event: DragEvent): void => {
    const types = event.dataTransfer?.types ?? [];
    if (!types.includes("Files") && (!types.includes("text/plain") || isField(event))) return;
    event.preventDefault();
    this.#hold(true);
  };

  readonly #leave = (event: DragEvent): void => {
    // Leaving for another element of the page is not leaving the page.
    if (event.relatedTarget === null) this.#hold(false);
  };

  readonly #drop = (event: DragEvent): void => {
    this.#hold(false);
    this.#take(event, event.dataTransfer);
  };

  readonly #paste = (event: ClipboardEvent): void => {
    if (!isField(event)) this.#take(event, event.clipboardData);
  };

  #take(event: Event, brought: DataTransfer | null): void {
    const files = [...(brought?.files ?? [])];
    const text = brought?.getData("text/plain").trim() ?? "";
    if (files.length > 0) this.#taker.files(files);
    else if (text !== "" && !isField(event)) this.#taker.text(`${text}\n`);
    else return;
    event.preventDefault();
  }

  #hold(isOver: boolean): void {
    if (this.#isOver === isOver) return;
    this.#isOver = isOver;
    this.#host.requestUpdate();
  }
}

/** Whether text goes into a field by itself. */
function isField(event: Event): boolean {
  const [target] = event.composedPath();
  return (
    target instanceof Element && target.matches("input:not([type=radio], [type=checkbox]), textarea, select")
  );
}
