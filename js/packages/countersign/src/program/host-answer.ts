/** The answers to tasks of the program (crates/cli/src/host.rs). */

/** An error in the form of the program's own. */
export interface HostError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly place?: string;
}

/** The answer to a task: the first line in JSON, and the bytes after it. */
export interface HostAnswer {
  readonly head: { readonly error?: HostError; readonly status?: number; readonly retryAfterMs?: number };
  readonly body?: Uint8Array;
}
