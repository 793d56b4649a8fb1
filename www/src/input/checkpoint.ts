/** What a signed checkpoint says, for showing: the core alone verifies one. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** In base64. */
  readonly root: string;
}

/** A signed checkpoint's origin, size and root; undefined where a text is none. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const [origin = "", size = "", root = "", ...rest] = text.split("\n").map((line) => line.trim());
  if (!/^[0-9]{1,16}$/.test(size) || !/^[A-Za-z0-9+/]{43}=$/.test(root) || !rest.includes(""))
    return undefined;
  return origin === "" || !Number.isSafeInteger(Number(size))
    ? undefined
    : { origin, size: Number(size), root };
}
