/** Loads a WebAssembly module from a server. */

import { CountersignError } from "../error.js";
import type { Phrase } from "../report.js";

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
    throw fetchError(address, "could not be fetched", ["wasm.fetch"], cause);
  });
  const { ok, status } = response;
  if (!ok) {
    throw fetchError(address, `returned HTTP status ${status}`, ["wasm.status", { status }]);
  }
  return response;
}

type ProblemPhrase = readonly [code: string, values?: Phrase["values"]];

function fetchError({ href }: URL, problem: string, phrase: ProblemPhrase, cause?: unknown): CountersignError {
  const [code, values] = phrase;
  const message = `WebAssembly could not be loaded: ${href} ${problem}`;
  const hint = "serve the .wasm file at this URL and allow it in connect-src of the page's Content-Security-Policy";
  const phrases = { [message]: { code, values: { ...values, address: href } }, [hint]: { code: "hint.wasm.fetch" } };
  return new CountersignError("wasm.unavailable", message, { hint, phrases, cause });
}
