import type { Plugin } from "vite";

/** A module without a file, of texts that the build makes: by the names under which it exports them. */
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
