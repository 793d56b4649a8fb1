import { defineConfig } from "vite";
import { licenses } from "./build/licenses.ts";
import { onePage } from "./build/one-page.ts";
import { sums } from "./build/sums.ts";
import { overview } from "./build/workers.ts";

const at = (path: string) => new URL(path, import.meta.url);

/**
 * Builds the page that works from disk; in the mode `console`, a log's console. In the mode `preview`, builds only the
 * page, into another folder, for `cargo xtask start` to show while the rest is being built.
 */
export default defineConfig(({ mode }) => {
  const of = (page: string) => ({ folder: at("dist"), plugins: [licenses(page), sums()] });
  const page = { root: at("."), fileName: "index.html", connect: "'none'" } as const;
  switch (mode) {
    case "console": {
      const { folder, plugins } = of("console");
      const all = [overview(), ...plugins];
      return onePage({
        root: at("console"),
        folder,
        plugins: all,
        fileName: "console.html",
        connect: "'self'",
      });
    }
    case "preview":
      return onePage({ ...page, folder: at("../target/preview") });
    default:
      return onePage({ ...page, ...of("index"), isFirst: true });
  }
});
