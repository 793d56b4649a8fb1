import type { Row } from "../shelf/types.js";

/** Whether two rows of one export show the same of its lines. */
export function isSameLine(one: Row | undefined, other: Row | undefined): boolean {
  return one?.kind === other?.kind && one?.line === other?.line;
}
