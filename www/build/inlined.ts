import type { Plugin } from "vite";

/** Provides a virtual module with generated texts, by the names of its exports. */
export function inlined(id: string, texts: () => Promise<Readonly<Record<string, string>>>): Plugin {
  const found = `\0${id}`;
  return {
    name: id,
    resolveId: (asked) => (asked === id ? found : undefined),
    async load(asked) {
      if (asked !== found) return;
      const all = Object.entries(await texts());
      return all.map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`).join("");
    },
  };
}
