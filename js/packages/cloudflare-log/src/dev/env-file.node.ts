/** The file with the variables of a log for development (crates/cli/src/commands/dev/env_file.rs). */

import { randomUUID } from "node:crypto";
import { realpath, rename, rm, writeFile } from "node:fs/promises";

/** A file such as `.env`. */
export interface EnvFile {
  readonly path: string;
  /** The text before the variables: lines of others, and a mark. */
  readonly before: string;
}

/** Replaces the file by one with these variables, which only its owner may read. */
export async function writeEnvFile({ path, before }: EnvFile, variables: string): Promise<void> {
  // Follows a symbolic link, so that the link stays.
  const destination = await realpath(path).catch(() => path);
  const temporary = `${destination}.${randomUUID()}.unfinished`;
  try {
    await writeFile(temporary, before + variables, { mode: 0o600, flag: "wx" });
    await rename(temporary, destination);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
