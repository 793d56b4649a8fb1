/** A log for development that the program asks for (`countersign dev`). */

/** The settings of a log for development, as in crates/cli/src/host.rs. */
export interface DevLog {
  /** Address to listen on: host and port. */
  readonly listen: string;
  /** The log's private key. */
  readonly log: string;
  readonly logVkey: string;
  /** The private key of the app that records. */
  readonly app: string;
  /** Text of the trust file. */
  readonly trust: string;
  /** Token of a reader who may do everything. */
  readonly token: string;
  /** Text of `readers.txt`. */
  readonly readers: string;
  /** True to give each tenant a log of its own. */
  readonly tenants: boolean;
  /** Path of the HTML file at `/`; null for the log's own page. */
  readonly page: string | null;
  /** Command to run beside the log; empty for none. */
  readonly command: readonly string[];
  /** The files that keep the log; null for a temporary log. */
  readonly files: { readonly folder: string; readonly trust: string; readonly database: string } | null;
  /** The file to write the variables to, and its text before them; null for none. */
  readonly env: { readonly path: string; readonly before: string } | null;
}

/** Oldest version of Node.js whose SQLite the log can use. */
const OLDEST = [22, 16] as const;

/** Returns the error if this version of Node.js can't run a log. */
export function devLogProblem(version = process.versions.node): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) {
    return undefined;
  }
  return (
    `✗ error[engine.unsupported]: \`npx countersign dev\` needs Node.js ${OLDEST.join(".")} or later, and this is ${version}\n` +
    "  hint: install a newer Node.js, or the native program with `cargo install --path crates/cli`\n"
  );
}
