/** Number of blank bytes appended, because verification begins only when its buffers are full. */
const BLANK = 24 << 20;

/** Returns a blob of blank lines. */
export const blank = (): Blob => new Blob([new Uint8Array(BLANK).fill(0x0a)]);

/**
 * A file that is readable up to a position and then never ends, so that a transient state stays. It claims a
 * larger size.
 */
export class StalledFile extends File {
  readonly #size: number;

  constructor(read: string, name: string, size: number) {
    super([read, "\n", blank()], name);
    this.#size = size;
  }

  override get size(): number {
    return this.#size;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return stalled(super.stream());
  }
}

/** Returns a stream that never reports its end. */
export function stalled(
  read: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = read.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { value } = await reader.read();
      if (value === undefined) await new Promise(() => {});
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
