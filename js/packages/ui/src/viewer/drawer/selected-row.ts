/** The row that is open next to the list. */

import type { EventIndex, Row, WholeRow } from "../../index/types.js";

type Line = Pick<Row, "kind" | "line"> | undefined;

/** True if two rows of one export show the same line. */
export function isSameLine(a: Line, b: Line): boolean {
  return a?.kind === b?.kind && a?.line === b?.line;
}

/** A row, with its position in the list. */
export interface OpenRow {
  readonly row: WholeRow;
  readonly position: number;
}

/** The open row. It stays open even if the list around it changes. */
export class SelectedRow {
  readonly #onChange: (row: WholeRow | undefined) => void;
  readonly #onMove: () => void;
  readonly #onError: (error: unknown) => void;
  opened: OpenRow | undefined;
  /** Incremented by every call, so that results of earlier calls are dropped. */
  #turn = 0;

  /**
   * `onChange` is called with another row, or without one; `onMove` when the row is at another position; `onError` if
   * a row couldn't be opened.
   */
  constructor(onChange: (row: WholeRow | undefined) => void, onMove: () => void, onError: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onMove = onMove;
    this.#onError = onError;
  }

  /** Opens the row at a position of the newest result. `known` is the row rendered there. */
  async open(index: Pick<EventIndex, "row">, position: number, known?: Row): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const row = await index.row(position, known).catch((error: unknown) => {
      this.#onError(error);
      return undefined;
    });
    if (row === undefined || turn !== this.#turn) {
      return;
    }
    const isOther = !isSameLine(row, this.opened?.row);
    this.opened = { row, position };
    if (isOther) {
      this.#onChange(row);
    } else {
      this.#onMove();
    }
  }

  /**
   * Locates the row in a newer report of the result. Closes an event that isn't in a complete result, because another
   * one is listed at its position.
   */
  async follow(index: Pick<EventIndex, "rowOf">, isWhole: boolean): Promise<void> {
    const opened = this.opened;
    const turn = this.#turn;
    if (opened === undefined) {
      return;
    }
    const position = await index.rowOf(opened.row.line).catch(() => opened.position);
    if (position === opened.position || turn !== this.#turn) {
      return;
    }
    if (position !== undefined) {
      this.opened = { ...opened, position };
      this.#onMove();
    } else if (isWhole && opened.row.kind === "event") {
      this.close();
    }
  }

  /** Closes the row. Returns true if one was open. */
  close(): boolean {
    this.#turn += 1;
    const wasOpen = this.opened !== undefined;
    if (wasOpen) {
      this.opened = undefined;
      this.#onChange(undefined);
    }
    return wasOpen;
  }
}
