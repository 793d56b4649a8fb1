/** So much of a line is kept, in bytes. */
const LONGEST = 64 << 10;

/** What begins a file that is compressed with gzip. */
const GZIP = [0x1f, 0x8b] as const;
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd] as const;

/** A line as it stands in a file, whoever wrote it. */
export interface RawLine {
  readonly text: string;
  readonly isCut: boolean;
}

/**
 * The lines of these numbers, counted from 1, as they stand in the file: bytes that nobody vouches for. Rejects where
 * this browser cannot unpack it.
 */
export async function linesOf(file: Blob, wanted: readonly number[]): Promise<ReadonlyMap<number, RawLine>> {
  const found = new Map<number, RawLine>();
  const last = Math.max(0, ...wanted);
  const reader = (await unpacked(file)).getReader();
  let line = 1;
  let kept: Uint8Array[] = [];
  let size = 0;
  const end = () => {
    if (wanted.includes(line)) found.set(line, { text: decoded(kept), isCut: size > LONGEST });
    kept = [];
    size = 0;
    line += 1;
  };
  const take = (bytes: Uint8Array) => {
    if (wanted.includes(line) && size < LONGEST) kept.push(bytes.slice(0, LONGEST - size));
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
  // Some browsers know zstd, and the others throw.
  return format === undefined
    ? stream
    : stream.pipeThrough(new DecompressionStream(format as CompressionFormat));
}

/** A carriage return before the end belongs to the end. */
function decoded(parts: readonly Uint8Array[]): string {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new TextDecoder().decode(bytes).replace(/\r$/, "");
}
