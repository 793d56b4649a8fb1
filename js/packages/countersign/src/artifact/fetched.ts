/** An artifact as a file on a server. */

import { CountersignError } from "../error.js";

/** Compiles the file at an address, whatever type its server says it has. */
export async function compileFetched(address: URL): Promise<WebAssembly.Module> {
  const response = await fetched(address);
  return response.headers.get("content-type") === "application/wasm"
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/** A file of the package's own. */
export async function fetched(address: URL): Promise<Response> {
  const response = await fetch(address).catch((cause) => {
    throw unfetched(address, "could not be fetched", cause);
  });
  if (!response.ok) {
    throw unfetched(address, `was answered with status ${response.status}`);
  }
  return response;
}

function unfetched({ href }: URL, how: string, cause?: unknown): CountersignError {
  return new CountersignError("wasm.unavailable", `WebAssembly could not be loaded: ${href} ${how}`, {
    hint: "serve the .wasm file there, beside the package's other files, and allow it in the page's Content-Security-Policy: connect-src",
    cause,
  });
}
