/** Reads the commands in an example's README. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { project } from "../run/tools.ts";

/** Returns the blocks of commands in an example's README. */
export function shell(example: string): string[] {
  const readme = readFileSync(project(`examples/${example}/README.md`), "utf8");
  return [...readme.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text = ""]) => text);
}

/** Returns the command that begins with these words, split into arguments. */
export function command(example: string, begin: string): string[] {
  const line = shell(example)
    .flatMap((block) => block.split("\n"))
    .find((line) => line.startsWith(begin));
  assert.ok(line !== undefined, `${example}/README.md has no command ${begin}`);
  return line.replace(/\s+#.*$/, "").split(" ");
}
