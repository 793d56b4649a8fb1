import { defineConfig } from "vite";
import { licences } from "./build/licences.ts";
import { onePage } from "./build/one-page.ts";
import { sums } from "./build/sums.ts";

/** The page that works from disk; in the mode `console`, a log's console. */
export default defineConfig(({ mode }) => {
  const at = (path: string) => new URL(path, import.meta.url);
  const of = (page: string) => ({ folder: at("dist"), plugins: [licences(page), sums()] });
  return mode === "console"
    ? onePage({ ...of("console"), root: at("console"), fileName: "console.html", connect: "'self'" })
    : onePage({ ...of("index"), root: at("."), fileName: "index.html", connect: "'none'", isFirst: true });
});
