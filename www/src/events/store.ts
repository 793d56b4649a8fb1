/** A verified event: its link's place and signer, and its bytes as they stand in the export. */
export interface StoredEvent {
  /** The 1-based line of the export. */
  readonly line: number;
  /** The leaf's index. */
  readonly index: number;
  readonly chain: string;
  readonly seq: number;
  /** RFC 3339, by the emitter's clock. */
  readonly time: string;
  readonly vkey: string;
  /** Whether the key was authorised as far as was known when the event was handed out. */
  readonly authorised: boolean;
  /** One JSON object, byte for byte. */
  readonly text: string;
}

/** Whole lines of events that were handed out. */
interface Chunk {
  /** The row of its first line, before sorting. */
  readonly first: number;
  readonly bytes: Blob;
  /** Where each line begins, and where the last ends. */
  readonly begins: Uint32Array;
  /** The export's line for each of them. */
  readonly lines: Float64Array;
}

/** Batches are gathered into chunks of at least this many bytes. */
const CHUNK = 1 << 20;
/** How many chunks stay decoded in memory. */
const CHUNKS_KEPT = 16;
const LF = 0x0a;

/**
 * All verified events of an export, in the order of its lines.
 *
 * No event is kept as an object. The verifier's lines lie in blobs, which the browser may keep on disk; in memory are
 * two numbers for each. A line is parsed when it is asked for.
 */
export class EventStore {
  readonly #chunks: Chunk[] = [];
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #waitingBytes = 0;
  #size = 0;
  #order: Uint32Array | undefined;
  readonly #loading = new Map<Chunk, Promise<Uint8Array>>();
  readonly #loaded = new Map<Chunk, Uint8Array>();

  /** How many events there are. */
  get size(): number {
    return this.#size;
  }

  /** Takes a batch: whole lines of NDJSON, as the verifier writes them. */
  add(batch: Uint8Array<ArrayBuffer>): void {
    this.#waiting.push(batch);
    this.#waitingBytes += batch.length;
    if (this.#waitingBytes >= CHUNK) this.#seal();
  }

  /** All batches were taken: brings the events into the order of the export's lines. */
  settle(): void {
    this.#seal();
    const lines = new Float64Array(this.#size);
    for (const chunk of this.#chunks) lines.set(chunk.lines, chunk.first);
    const sorted = lines.every((line, row) => row === 0 || at(lines, row - 1) <= line);
    if (sorted) return;
    const order = new Uint32Array(this.#size).map((_, row) => row);
    this.#order = order.sort((one, other) => at(lines, one) - at(lines, other));
  }

  /** The event in a row. */
  async read(row: number): Promise<StoredEvent> {
    const [chunk, within] = this.#find(row);
    return parse(await this.#load(chunk), chunk, within);
  }

  /** The same, where it is in memory already. */
  readNow(row: number): StoredEvent | undefined {
    const [chunk, within] = this.#find(row);
    const bytes = this.#loaded.get(chunk);
    return bytes && parse(bytes, chunk, within);
  }

  /** The row of the event on this line of the export. */
  rowOfLine(line: number): number | undefined {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#line(middle) < line) low = middle + 1;
      else high = middle;
    }
    return low < this.#size && this.#line(low) === line ? low : undefined;
  }

  #seal(): void {
    if (this.#waitingBytes === 0) return;
    const begins = [0];
    const lines: number[] = [];
    let offset = 0;
    for (const batch of this.#waiting) {
      for (let begin = 0; begin < batch.length; ) {
        const found = batch.indexOf(LF, begin);
        if (found < 0) throw new Error("a batch of events ends within a line");
        lines.push(lineNumber(batch, begin));
        begin = found + 1;
        begins.push(offset + begin);
      }
      offset += batch.length;
    }
    this.#chunks.push({
      first: this.#size,
      bytes: new Blob(this.#waiting),
      begins: Uint32Array.from(begins),
      lines: Float64Array.from(lines),
    });
    this.#size += lines.length;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #line(row: number): number {
    const [chunk, within] = this.#find(row);
    return at(chunk.lines, within);
  }

  #find(row: number): [chunk: Chunk, within: number] {
    const position = this.#order ? at(this.#order, row) : row;
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (at(this.#chunks, middle).first <= position) low = middle;
      else high = middle - 1;
    }
    const chunk = at(this.#chunks, low);
    return [chunk, position - chunk.first];
  }

  #load(chunk: Chunk): Promise<Uint8Array> {
    const loading =
      this.#loading.get(chunk) ??
      chunk.bytes.arrayBuffer().then((buffer) => {
        const bytes = new Uint8Array(buffer);
        if (this.#loading.has(chunk)) this.#loaded.set(chunk, bytes);
        return bytes;
      });
    loading.catch(() => this.#loading.delete(chunk));
    // A map iterates in the order of insertion, so its first is the one not used for longest.
    this.#loading.delete(chunk);
    this.#loading.set(chunk, loading);
    for (const oldest of this.#loading.keys()) {
      if (this.#loading.size <= CHUNKS_KEPT) break;
      this.#loading.delete(oldest);
      this.#loaded.delete(oldest);
    }
    return loading;
  }
}

const LINE = new TextEncoder().encode('{"line":');
const EVENT = ',"event":';

function lineNumber(bytes: Uint8Array, begin: number): number {
  let line = 0;
  for (let place = begin + LINE.length; ; place += 1) {
    const digit = at(bytes, place) - 0x30;
    if (digit < 0 || digit > 9) return line;
    line = line * 10 + digit;
  }
}

function parse(bytes: Uint8Array, chunk: Chunk, within: number): StoredEvent {
  const line = bytes.subarray(at(chunk.begins, within), at(chunk.begins, within + 1) - 1);
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line);
  // No quote stands unescaped in what comes before, so the first is the member itself.
  const place = text.indexOf(EVENT);
  const members = JSON.parse(`${text.slice(0, place)}}`) as Omit<StoredEvent, "text">;
  return { ...members, text: text.slice(place + EVENT.length, -1) };
}

function at<T>(list: { readonly [index: number]: T }, index: number): T {
  const value = list[index];
  if (value === undefined) throw new RangeError(`nothing at ${index}`);
  return value;
}
