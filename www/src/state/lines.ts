/** Maximum bytes kept of a line. */
const MAX_LINE_BYTES = 64 << 10;

/** Magic numbers of gzip and zstd. */
const GZIP = [0x1f, 0x8b] as const;
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd] as const;

/** A line as it is in a file, unverified. */
export interface RawLine {
  readonly text: string;
  readonly isCut: boolean;
}

/**
 * Returns the lines with these numbers, counted from 1, as they are in the file: unverified bytes. Rejects if
 * this browser can't decompress it.
 */
export async function linesOf(file: Blob, wanted: readonly number[]): Promise<ReadonlyMap<number, RawLine>> {
  const found = new Map<number, RawLine>();
  const numbers = new Set(wanted);
  const last = wanted.reduce((most, line) => Math.max(most, line), 0);
  const reader = (await unpacked(file)).getReader();
  let line = 1;
  let pieces: Uint8Array[] = [];
  let size = 0;
  const end = () => {
    if (numbers.has(line)) found.set(line, { text: decoded(pieces), isCut: size > MAX_LINE_BYTES });
    pieces = [];
    size = 0;
    line += 1;
  };
  const take = (bytes: Uint8Array) => {
    if (numbers.has(line) && size < MAX_LINE_BYTES) pieces.push(bytes.slice(0, MAX_LINE_BYTES - size));
    size += bytes.length;
  };
  try {
    while (line <= last) {
      const { done, value } = await reader.read();
      if (done) {
        end();
        break;
      }
      let from = 0;
      for (let at = value.indexOf(NEWLINE); at >= 0 && line <= last; at = value.indexOf(NEWLINE, from)) {
        take(value.subarray(from, at));
        end();
        from = at + 1;
      }
      take(value.subarray(from));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  return found;
}

const NEWLINE = 0x0a;

async function unpacked(file: Blob): Promise<ReadableStream<Uint8Array>> {
  const begin = new Uint8Array(await file.slice(0, ZSTD.length).arrayBuffer());
  const begins = (magic: readonly number[]) => magic.every((byte, place) => begin[place] === byte);
  const format = begins(GZIP) ? "gzip" : begins(ZSTD) ? "zstd" : undefined;
  const stream = file.stream();
  // Some browsers support zstd; the others throw.
  return format === undefined
    ? stream
    : stream.pipeThrough(new DecompressionStream(format as CompressionFormat));
}

/** A carriage return before the line feed is part of the line end. */
function decoded(parts: readonly Uint8Array[]): string {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new TextDecoder().decode(bytes).replace(/\r$/, "");
}

/** Parses a line; undefined unless it is a JSON object. */
export function parseLine(line: string): { readonly link?: unknown; readonly event?: unknown } | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === "object" && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}

/** Returns what a line states about itself, as far as it can be parsed. */
export function statedFacts(line: string): {
  time: string | undefined;
  action: string | undefined;
  actor: string | undefined;
} {
  const { link, event } = parseLine(line) ?? {};
  const words = typeof link === "string" ? link.split(" ") : [];
  const time = words.find((word) => /^\d{4}-\d\d-\d\dT/.test(word));
  const { action, actor } = (event ?? {}) as { action?: unknown; actor?: { id?: unknown; name?: unknown } };
  const who = actor?.name ?? actor?.id;
  return {
    time,
    action: typeof action === "string" ? action : undefined,
    actor: typeof who === "string" ? who : undefined,
  };
}
