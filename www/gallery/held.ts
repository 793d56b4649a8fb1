/** How many blank lines follow what is read: verifying begins once there is enough to fill its buffers. */
const BLANK = 24 << 20;

/** Nothing, for as long as it takes. */
export const blank = (): Blob => new Blob([new Uint8Array(BLANK).fill(0x0a)]);

/**
 * A file that is read up to a place and no further, so that a state on the way holds still. Its size is a larger one's.
 */
export class Held extends File {
  readonly #size: number;

  constructor(read: string, name: string, size: number) {
    super([read, "\n", blank()], name);
    this.#size = size;
  }

  override get size(): number {
    return this.#size;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return held(super.stream());
  }
}

/** A stream that ends where nobody hears of it. */
export function held(read: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
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
