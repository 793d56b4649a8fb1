/** Loads a WebAssembly module that is inlined as base64, which survives any bundler. */

/** Native base64 decoders. */
interface Decoders {
  Uint8Array: { fromBase64?(text: string): Uint8Array<ArrayBuffer> };
  Buffer?: { from(text: string, encoding: "base64"): Uint8Array<ArrayBuffer> };
}

/** Compiles the module. */
export async function compileInlined(base64: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(decode(base64));
}

/** Compiles a small module synchronously on a server, where waiting for another thread takes longer. */
export function compileInlinedAtOnce(base64: string): WebAssembly.Module {
  return new WebAssembly.Module(decode(base64));
}

/** Compiles a module that is also compressed with gzip. */
export async function compileCompressed(base64: string): Promise<WebAssembly.Module> {
  const stream = new Blob([decode(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
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
