import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Accepts dropped and pasted input. */
interface InputReceiver {
  files(files: readonly File[]): void;
  text(text: string): void;
}

/** Handles files and text that are dropped or pasted anywhere on the page except into a field. */
export class PageInput implements ReactiveController {
  readonly #host: ReactiveControllerHost;
  readonly #receiver: InputReceiver;
  #isOver = false;

  constructor(host: ReactiveControllerHost, receiver: InputReceiver) {
    this.#host = host;
    this.#receiver = receiver;
    host.addController(this);
  }

  /** True while something that can be dropped is dragged over the page. */
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
    this.#setOver(true);
  };

  readonly #leave = (event: DragEvent): void => {
    // This event also occurs when the pointer moves to another element of the page.
    if (event.relatedTarget === null) this.#setOver(false);
  };

  readonly #drop = (event: DragEvent): void => {
    this.#setOver(false);
    this.#accept(event, event.dataTransfer);
  };

  readonly #paste = (event: ClipboardEvent): void => {
    if (!isField(event)) this.#accept(event, event.clipboardData);
  };

  #accept(event: Event, transfer: DataTransfer | null): void {
    const files = [...(transfer?.files ?? [])];
    const text = transfer?.getData("text/plain").trim() ?? "";
    if (files.length > 0) this.#receiver.files(files);
    else if (text !== "" && !isField(event)) this.#receiver.text(`${text}\n`);
    else return;
    event.preventDefault();
  }

  #setOver(isOver: boolean): void {
    if (this.#isOver === isOver) return;
    this.#isOver = isOver;
    this.#host.requestUpdate();
  }
}

/** True if the event's target is a field, which accepts text itself. */
function isField(event: Event): boolean {
  const [target] = event.composedPath();
  return (
    target instanceof Element && target.matches("input:not([type=radio], [type=checkbox]), textarea, select")
  );
}
