import { beginsAsExport } from "./recognize.ts";

/** A file that is verified, and the files that it was put together from. */
export interface Whole {
  readonly file: File;
  /** Their names, where there were several. */
  readonly of: readonly string[];
}

/** What a piece's name ends in: `.aa`, `.001`, `-3`. */
const ENDING = /^(.+?)[._-]?(\d{1,6}|[a-z]{2,4})$/;
/** gzip, zstd, and zstd's skippable frames. */
const MAGICS = [
  [0x1f, 0x8b],
  [0x28, 0xb5, 0x2f, 0xfd],
] as const;
const BEGINNING = 4096;

/**
 * Puts pieces of one file together that a program such as `split -b` made of it: files of one name but for its ending,
 * of which the first alone begins as an export does. All others stay as they are, in the order of their names.
 */
export async function join(files: readonly File[]): Promise<readonly Whole[]> {
  const families = new Map<string, File[]>();
  for (const file of [...files].sort(byName)) {
    const stem = ENDING.exec(file.name)?.[1] ?? file.name;
    families.set(stem, [...(families.get(stem) ?? []), file]);
  }
  const wholes: Whole[] = [];
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

/** Whether a file begins with a header, or is compressed. */
async function beginsExport(file: Blob): Promise<boolean> {
  const bytes = new Uint8Array(await file.slice(0, BEGINNING).arrayBuffer());
  if (MAGICS.some((magic) => magic.every((byte, place) => bytes[place] === byte))) return true;
  return beginsAsExport(new TextDecoder().decode(bytes));
}
