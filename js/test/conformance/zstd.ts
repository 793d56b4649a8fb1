/** Builds Zstandard frames (RFC 8878) without a compressor, which not every Node.js has. */

const MAGIC = Buffer.from("28b52ffd", "hex");
/** A header without checksum, size, and dictionary, with a window of 1 MiB. */
const HEAD = Buffer.from([0x00, 0x50]);
const BLOCK = 128 << 10;

const RAW = 0;
const REPEATED = 1;

function block(type: number, size: number, last: boolean, content: Uint8Array): Buffer {
  const head = Buffer.alloc(3);
  head.writeUIntLE((size << 3) | (type << 1) | Number(last), 0, 3);
  return Buffer.concat([head, content]);
}

function frame(count: number, at: (number: number, last: boolean) => Buffer): Buffer {
  const blocks = Array.from({ length: count }, (_, number) => at(number, number === count - 1));
  return Buffer.concat([MAGIC, HEAD, ...blocks]);
}

/** Returns the bytes as one frame. */
export function zstd(bytes: Uint8Array): Buffer {
  return frame(Math.max(1, Math.ceil(bytes.length / BLOCK)), (number, last) => {
    const piece = bytes.subarray(number * BLOCK, (number + 1) * BLOCK);
    return block(RAW, piece.length, last, piece);
  });
}

/** Returns a frame of this many line feeds. */
export function zstdBomb(length: number): Buffer {
  const feed = Buffer.from("\n");
  return frame(length / BLOCK, (_, last) => block(REPEATED, BLOCK, last, feed));
}
