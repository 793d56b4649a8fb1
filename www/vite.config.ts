import { defineConfig } from "vite";
import { onePage } from "./build/one-page.ts";
import { sums } from "./build/sums.ts";

/** The page that works from disk; in the mode `console`, a log's console. */
export default defineConfig(({ mode }) => {
  const at = (path: string) => new URL(path, import.meta.url);
  const made = { folder: at("dist"), plugins: [sums()] };
  return mode === "console"
    ? onePage({ ...made, root: at("console"), fileName: "console.html", connect: "'self'" })
    : onePage({ ...made, root: at("."), fileName: "index.html", connect: "'none'", isFirst: true });
});
