import type { Tools } from "@countersign/viewer/session.js";

/** A file's SHA-256 in hex; undefined where nothing here can tell. */
export async function sha256(
  file: File,
  { slicer }: Tools,
  signal: AbortSignal,
): Promise<string | undefined> {
  return await slicer?.().sha256(file, { signal });
}
