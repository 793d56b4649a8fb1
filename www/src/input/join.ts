import { beginsAsExport } from "./recognize.ts";

/** A file to verify, and the files it was joined from. */
export interface JoinedFile {
  readonly file: File;
  /** Names of the pieces; empty for a single file. */
  readonly of: readonly string[];
}

/** End of a piece's name: `.aa`, `.001`, `-3`. */
const ENDING = /^(.+?)[._-]?(\d{1,6}|[a-z]{2,4})$/;
/** Magic numbers of gzip, zstd, and zstd's skippable frames. */
const MAGICS = [
  [0x1f, 0x8b],
  [0x28, 0xb5, 0x2f, 0xfd],
] as const;
const BEGINNING = 4096;

/**
 * Joins the pieces of a file that a program such as `split -b` produced: files whose names differ only in
 * their ending, of which only the first begins like an export. Other files are returned as they are, ordered
 * by name.
 */
export async function join(files: readonly File[]): Promise<readonly JoinedFile[]> {
  const families = new Map<string, File[]>();
  for (const file of [...files].sort(byName)) {
    const stem = ENDING.exec(file.name)?.[1] ?? file.name;
    families.set(stem, [...(families.get(stem) ?? []), file]);
  }
  const wholes: JoinedFile[] = [];
  for (const [stem, family] of families) {
    const begins = family.length > 1 ? await Promise.all(family.map(beginsExport)) : [];
    const isCut = begins[0] === true && begins.filter(Boolean).length === 1;
    if (isCut) wholes.push({ file: new File(family, stem), of: family.map(({ name }) => name) });
    else wholes.push(...family.map((file) => ({ file, of: [] })));
  }
  return wholes;
}

function byName(one: File, other: File): number {
  return one.name.localeCompare(other.name, "en", { numeric: true });
}

/** True if a file begins with a header, or is compressed. */
async function beginsExport(file: Blob): Promise<boolean> {
  const bytes = new Uint8Array(await file.slice(0, BEGINNING).arrayBuffer());
  if (MAGICS.some((magic) => magic.every((byte, place) => bytes[place] === byte))) return true;
  return beginsAsExport(new TextDecoder().decode(bytes));
}
