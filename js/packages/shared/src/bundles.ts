/** Entry bundles of C2SP tlog-tiles, converted to lines of an export. */

/** Entries in a full bundle. */
export const FULL = 256;

/** Matches well-formed links and nothing else. */
const LINK = /^countersign\/v1 (open \S+ \S+|(event|close) [0-9a-f]{32} [1-9]\d*) [\dT:.-]{23}Z( [\w+/]+=*){2,3}$/;
const NOTE = /^countersign\/v1 keys\n(?:.+\n)+\n(?:\u2014 .+\n)+$/;

/** Returns the path of a full or partial bundle: `tile/entries/x001/234`, `tile/entries/005.p/17`. */
export function bundlePath(index: number, width: number): string {
  const digits = `${index}`;
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? [];
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/entries/${path}${width < FULL ? `.p/${width}` : ""}`;
}

/**
 * Returns the entries of a bundle as lines of an export, without events. Returns undefined if the bundle is cut off, or
 * if the kind of an entry is unclear: links, key notes, and other entries are written differently.
 */
export function linesOf(bundle: Uint8Array): readonly string[] | undefined {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const lines: string[] = [];
  for (let at = 0; at < bundle.length; ) {
    const begin = at + 2;
    const end = begin <= bundle.length ? begin + view.getUint16(at) : Number.POSITIVE_INFINITY;
    const line = end <= bundle.length ? lineOf(bundle.subarray(begin, end)) : undefined;
    if (line === undefined) {
      return undefined;
    }
    lines.push(line);
    at = end;
  }
  return lines;
}

function lineOf(leaf: Uint8Array): string | undefined {
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(leaf);
  } catch {
    // Binary data is neither a link nor a note.
  }
  if (!text.startsWith("countersign/v1 ")) {
    return `${JSON.stringify({ leaf: btoa(Array.from(leaf, (byte) => String.fromCharCode(byte)).join("")) })}\n`;
  }
  if (LINK.test(text)) {
    return `${JSON.stringify({ link: text })}\n`;
  }
  return NOTE.test(text) ? `${JSON.stringify({ note: text })}\n` : undefined;
}
