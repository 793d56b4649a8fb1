/** Bytes that come in pieces. */

/** The pieces as one, which is always a copy. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The body of whoever is not trusted. Nothing where it has more bytes than this: what comes after is not read. */
export async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) {
      return concat(pieces);
    }
    length += value.length;
    if (length > most) {
      await reader?.cancel();
      return undefined;
    }
    pieces.push(value);
  }
}
