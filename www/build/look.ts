import type { Plugin } from "vite";

const ID = "virtual:look.css";

/** A style sheet of the colours, fonts and basics that the viewer has, for a page around it. */
export async function look(): Promise<string> {
  const { palette } = await import(built("palette"));
  const { basics } = await import(built("basics"));
  return `:root {\n  color-scheme: light dark;\n${palette.cssText}}\n${basics.cssText}`;
}

/** The same as a module. */
export function looks(): Plugin {
  return {
    name: "look",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) => (id === `\0${ID}` ? look() : undefined),
  };
}

function built(name: string): string {
  return new URL(`../../js/dist/viewer/${name}.js`, import.meta.url).href;
}
