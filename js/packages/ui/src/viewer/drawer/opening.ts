/** Which row is open beside the list. */

import type { EventIndex, Row, WholeRow } from "../../index/types.js";

type Line = Pick<Row, "kind" | "line"> | undefined;

/** Whether two rows of one export show the same of its lines. */
export function isSameLine(one: Line, other: Line): boolean {
  return one?.kind === other?.kind && one?.line === other?.line;
}

/** A row, and where in the list it is. */
export interface Opened {
  readonly row: WholeRow;
  readonly position: number;
}

/** The row that is open: it stays the one that was opened, however the list around it changes. */
export class Opening {
  readonly #changed: (row: WholeRow | undefined) => void;
  readonly #moved: () => void;
  readonly #failed: (error: unknown) => void;
  opened: Opened | undefined;
  /** Changes with whatever is done: what was begun before is then over. */
  #turn = 0;

  /** `changed` is told of another row, or of none; `moved` where the same stands elsewhere; `failed` why none opens. */
  constructor(changed: (row: WholeRow | undefined) => void, moved: () => void, failed: (error: unknown) => void) {
    this.#changed = changed;
    this.#moved = moved;
    this.#failed = failed;
  }

  /** Opens what stands at a place of the newest answer; `known` is what is drawn there. */
  async open(index: Pick<EventIndex, "row">, position: number, known?: Row): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const row = await index.row(position, known).catch((error: unknown) => {
      this.#failed(error);
      return undefined;
    });
    if (row === undefined || turn !== this.#turn) {
      return;
    }
    const isOther = !isSameLine(row, this.opened?.row);
    this.opened = { row, position };
    if (isOther) {
      this.#changed(row);
    } else {
      this.#moved();
    }
  }

  /**
   * The answer went on: finds out where the row stands in it. An event that is not in an answer that is whole is closed:
   * what is listed at its place is another one.
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
      this.#moved();
    } else if (isWhole && opened.row.kind === "event") {
      this.close();
    }
  }

  /** Closes it, and says whether there was one. */
  close(): boolean {
    this.#turn += 1;
    const wasOpen = this.opened !== undefined;
    if (wasOpen) {
      this.opened = undefined;
      this.#changed(undefined);
    }
    return wasOpen;
  }
}
