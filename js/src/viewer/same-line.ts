import type { Row } from "../index/types.js";

type Line = Pick<Row, "kind" | "line"> | undefined;

/** Whether two rows of one export show the same of its lines. */
export function isSameLine(one: Line, other: Line): boolean {
  return one?.kind === other?.kind && one?.line === other?.line;
}
