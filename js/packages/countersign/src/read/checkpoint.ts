/** The first lines of checkpoints, and of heads of tenant logs. */

/** The state of a log, as a checkpoint or a head states it. */
export interface LogState {
  readonly origin: string;
  /** Number of entries. */
  readonly size: number;
  /** The Merkle root of the entries, in base64. */
  readonly root: string;
}

/** The first line of a head of a tenant log. The next lines are those of a checkpoint. */
const HEAD = "countersign/v1 head\n";

/** Parses a checkpoint or a head, without verifying it. Returns undefined for any other text. */
export function parseState(text: string): LogState | undefined {
  const lines = text.startsWith(HEAD) ? text.slice(HEAD.length) : text;
  const [, origin, digits, root] = /^([^\n]+)\n(\d{1,16})\n([A-Za-z0-9+/]{43}=)\n/.exec(lines) ?? [];
  const size = Number(digits);
  return origin !== undefined && root !== undefined && Number.isSafeInteger(size) ? { origin, size, root } : undefined;
}
