/** A signed checkpoint, parsed for display. Only the core verifies checkpoints. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

/** Parses a signed checkpoint; undefined if the text isn't one. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", size = "", root = "", ...rest] = text.split("\n").map((line) => line.trim());
  if (!/^[0-9]{1,16}$/.test(size) || !/^[A-Za-z0-9+/]{43}=$/.test(root) || !rest.includes(""))
    return undefined;
  return origin === "" || !Number.isSafeInteger(Number(size))
    ? undefined
    : { origin, size: Number(size), root };
}
