/** Messages in the style of the native program (crates/cli/src/io/style.rs), on standard error. */

import { styleText } from "node:util";

const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  styleText(style, text, { stream: process.stderr });
const write = (text: string): void => void process.stderr.write(`${text}\n`);

/** Prints a result. */
export const done = (text: string): void => write(`${paint(["bold", "green"], "✓ done:")} ${text}`);

/** Prints a labeled detail of the message before. */
export const detail = (label: string, text: string): void => write(`  ${paint("bold", label)} ${text}`);

/** Prints an error. */
export function failed({ code, message, hint }: Failure): void {
  write(`${paint(["bold", "red"], `✗ error[${code}]:`)} ${message}\n  ${paint("bold", "hint:")} ${hint}`);
}

/** A reason for the end of the program. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Codes of the native program for errors of the system, and the system's texts (crates/errors/src/system.rs). */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [code: string, text: string]>> = {
  EACCES: ["io.permission", "Permission denied"],
  EADDRINUSE: ["io.failed", "Address already in use"],
  EADDRNOTAVAIL: ["io.failed", "Cannot assign requested address"],
  ENOENT: ["io.not_found", "No such file or directory"],
};

/** Returns an error of the system as the native program reports it. */
export function systemFailure(doing: string, name: string, error: unknown, hint: string): Failure {
  const { code: known = "", errno = 0, message } = error as NodeJS.ErrnoException;
  const [code, text] = SYSTEM_ERRORS[known] ?? ["io.failed", message];
  return { code, message: `${name}: cannot ${doing}: ${text} (os error ${-errno})`, hint };
}
