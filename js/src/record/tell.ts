/** Telling a program what went wrong. */

import type { CountersignError } from "../error.js";

/** An error as a line of the console, with what it is about where that is not plain. */
export function asLine({ code, message, hint }: CountersignError, about = ""): string {
  return `countersign: ${about}${code}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** Calls what a program gave to be told of errors. Whatever that does, the work goes on. */
export function tell(onError: (error: CountersignError) => void, error: CountersignError): void {
  try {
    onError(error);
  } catch (cause) {
    console.error(`countersign: onError failed when it was told of ${error.code}: ${error.message}:`, cause);
  }
}
