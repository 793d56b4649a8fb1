import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";

const ID = "virtual:look.css";

const SHEETS = [
  import.meta.resolve("@countersign/ui/viewer/parts/palette.css"),
  import.meta.resolve("@countersign/ui/viewer/parts/basics.css"),
  import.meta.resolve("@countersign/ui/viewer/parts/day-field.css"),
  import.meta.resolve("@countersign/ui/viewer/detection/findings.css"),
];

/** Returns a style sheet with the viewer's colors, fonts, base styles, day fields, and findings, for the page around it. */
export async function look(): Promise<string> {
  const sheets = SHEETS.map((url) => readFile(new URL(url), "utf8"));
  return `:root {\n  color-scheme: light dark;\n}\n${(await Promise.all(sheets)).join("\n")}`;
}

/** Provides the style sheet as a module. */
export function looks(): Plugin {
  return {
    name: "look",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) => (id === `\0${ID}` ? look() : undefined),
  };
}
