/** An artifact that is part of the code, as base64: it is there whatever a bundler made of the files. */

/** What decodes at once, where it is there. */
interface Decoders {
  Uint8Array: { fromBase64?(text: string): Uint8Array<ArrayBuffer> };
  Buffer?: { from(text: string, encoding: "base64"): Uint8Array<ArrayBuffer> };
}

/** Compiles it. */
export async function compileInlined(base64: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(decode(base64));
}

/** The same at once, for a small one on a server: waiting for another thread takes longer than compiling it. */
export function compileInlinedAtOnce(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(decode(base64));
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const { Uint8Array: newer, Buffer: ofNode } = globalThis as unknown as Decoders;
  const decoded = newer.fromBase64?.(base64) ?? ofNode?.from(base64, "base64");
  if (decoded !== undefined) {
    return decoded;
  }
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = text.charCodeAt(at);
  }
  return bytes;
}
