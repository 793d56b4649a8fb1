import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";

const ID = "virtual:look.css";

const VIEWER = new URL("../../js/src/viewer/", import.meta.url);

/** A style sheet of the colours, fonts and basics that the viewer has, and of what rules found, for a page around it. */
export async function look(): Promise<string> {
  const sheets = ["parts/palette.css", "parts/basics.css", "detection/found.css"].map((name) =>
    readFile(new URL(name, VIEWER), "utf8"),
  );
  return `:root {\n  color-scheme: light dark;\n}\n${(await Promise.all(sheets)).join("\n")}`;
}

/** The same as a module. */
export function looks(): Plugin {
  return {
    name: "look",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) => (id === `\0${ID}` ? look() : undefined),
  };
}
