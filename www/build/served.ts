import type { Plugin } from "vite";

/** Changes that make the page a log serves of the one that works from disk. */
const CHANGES = [
  ['src="/src/main.ts"', 'src="/src/served.ts"'],
  [
    "in the browser. Nothing is uploaded.",
    "in the browser, a file’s or one of the log that serves this page. No file is uploaded.",
  ],
] as const;

/** Gives the page that a log serves the panel that loads from there. */
export function served(): Plugin {
  return {
    name: "served",
    transformIndexHtml: {
      order: "pre",
      handler: (html) =>
        CHANGES.reduce((changed, [from, to]) => {
          if (!changed.includes(from)) throw new Error(`index.html has no ${from}`);
          return changed.replace(from, () => to);
        }, html),
    },
  };
}
