/** Loads a WebAssembly module from a server. */

import { CountersignError } from "../error.js";

/** Compiles the file at a URL, whatever content type the server reports. */
export async function compileFetched(address: URL): Promise<WebAssembly.Module> {
  const response = await fetchFile(address);
  return response.headers.get("content-type") === "application/wasm"
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/** Fetches one of the package's files. */
export async function fetchFile(address: URL): Promise<Response> {
  const response = await fetch(address).catch((cause) => {
    throw fetchError(address, "could not be fetched", cause);
  });
  if (!response.ok) {
    throw fetchError(address, `returned HTTP status ${response.status}`);
  }
  return response;
}

function fetchError({ href }: URL, problem: string, cause?: unknown): CountersignError {
  return new CountersignError("wasm.unavailable", `WebAssembly could not be loaded: ${href} ${problem}`, {
    hint: "serve the .wasm file at this URL and allow it in connect-src of the page's Content-Security-Policy",
    cause,
  });
}
