import { version } from "virtual:about";

/** What the page can know of itself: its version, and the parts that its policy lets the browser run. */
export const ABOUT = {
  version,
  /** The hash of its script, as its policy names it. */
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
