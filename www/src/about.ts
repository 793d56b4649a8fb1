import { version } from "virtual:about";

/**
 * Facts about this page: its version, and the hashes of the parts that its policy allows the browser to
 * run.
 */
export const ABOUT = {
  version,
  /** Hash of the script, as in the page's policy. */
  script: () => named("script-src"),
  style: () => named("style-src"),
};

function named(directive: string): string {
  const policy = document
    .querySelector('meta[http-equiv="Content-Security-Policy"]')
    ?.getAttribute("content");
  const words = policy?.split("; ").find((words) => words.startsWith(`${directive} `));
  return /'(sha256-[A-Za-z0-9+/]{43}=)'/.exec(words ?? "")?.[1] ?? "";
}
