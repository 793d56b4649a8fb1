/** Messages in the style of the native program (crates/cli/src/io/style.rs), on standard error. */

import { getSystemErrorMap, styleText } from "node:util";

const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  styleText(style, text, { stream: process.stderr });
const write = (text: string): void => void process.stderr.write(`${text}\n`);

/** Prints a result. */
export const done = (text: string): void => write(`${paint(["bold", "green"], "✓ done:")} ${text}`);

/** Prints a labeled detail of the message before. */
export const detail = (label: string, text: string): void => write(`  ${paint("bold", label)} ${text}`);

/** Prints an error. */
export function failed(code: string, message: string, hint: string): void {
  write(`${paint(["bold", "red"], `✗ error[${code}]:`)} ${message}\n  ${paint("bold", "hint:")} ${hint}`);
}

/** Returns the system's text for an error. */
export function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  const [, known] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return known ?? message;
}
