import { checkpointLines } from "@countersign/ui/viewer/session/pin.js";

/** A signed checkpoint or a head proof, parsed for display. Only the core verifies them. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

/** Parses a signed checkpoint or a head proof; undefined if the text is neither. */
export function readCheckpoint(text: string): Checkpoint | undefined {
  const lines = checkpointLines(text).split("\n");
  const [origin = "", size = "", root = "", ...rest] = lines.map((line) => line.trim());
  if (!/^[0-9]{1,16}$/.test(size) || !/^[A-Za-z0-9+/]{43}=$/.test(root) || !rest.includes(""))
    return undefined;
  return origin === "" || !Number.isSafeInteger(Number(size))
    ? undefined
    : { origin, size: Number(size), root };
}
