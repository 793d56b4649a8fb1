/** What a file is, by its beginning. */
export type FileKind = "export" | "trust" | "pin";

/** Trust files and pins are small; larger ones are not read whole. */
export const SMALL = 1 << 20;

const TRUST_WORDS = new Set(["log", "witness", "group", "quorum", "issuer", "emitter", "revoke"]);

/**
 * Tells a trust file and a pin from an export. What is neither is taken for an export: the verifier says what is wrong
 * with it.
 */
export async function recognise(file: Blob): Promise<FileKind> {
  if (file.size > SMALL) return "export";
  const text = await file.text();
  const lines = text.split("\n").map((line) => line.trim());
  if (isCheckpoint(lines)) return "pin";
  const statement = lines.find((line) => line !== "" && !line.startsWith("#"));
  return statement !== undefined && TRUST_WORDS.has(statement.split(/[ \t]/)[0] ?? "") ? "trust" : "export";
}

/** A signed checkpoint: origin, size, root, a blank line, signatures. */
function isCheckpoint(lines: readonly string[]): boolean {
  return (
    /^[0-9]{1,16}$/.test(lines[1] ?? "") && /^[A-Za-z0-9+/]{43}=$/.test(lines[2] ?? "") && lines[3] === ""
  );
}
