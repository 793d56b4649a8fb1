/** The reference of the npm packages, which TypeDoc generates from their sources. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { Application } from "typedoc";
import { codes } from "../../../js/packages/countersign/build/codes.mjs";
import { entries, PACKAGES } from "./entries.mjs";
import { PAGES, PROJECT, TYPES } from "./paths.mjs";

/** The folder of the pages in the site. */
const FOLDER = "api";

/** Declarations that the packages' builds generate, or their outline if they are long, by their path. */
const GENERATED = {
  "codes.d.ts": codes,
  "viewer/texts/schema.d.ts":
    "export interface Schema { readonly figures: Readonly<Record<string, unknown>> }\n",
};

/** Writes a page for each entry point. Throws if a doc comment has a link or a tag that TypeDoc doesn't understand. */
export async function writeApi() {
  for (const [name, declarations] of Object.entries(GENERATED)) {
    mkdirSync(posix.dirname(TYPES + name), { recursive: true });
    writeFileSync(TYPES + name, declarations);
  }
  const all = entries();
  const app = await Application.bootstrapWithPlugins({
    entryPoints: all.map(({ source }) => PROJECT + source),
    tsconfig: `${PROJECT}docs/site/tsconfig.api.json`,
    // The packages' own build checks types. Here, WebAssembly modules and bundles don't exist.
    skipErrorChecking: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    disableSources: true,
    readme: "none",
    sort: ["source-order"],
    groupOrder: [
      "Functions",
      "Variables",
      "Classes",
      "Interfaces",
      "Constructors",
      "Properties",
      "Methods",
      "*",
      "References",
    ],
    parametersFormat: "table",
    typeDeclarationFormat: "table",
    // Defaults are sentences, and examples have their own code blocks.
    jsDocCompatibility: { defaultTag: false, exampleTag: false },
    validation: { notExported: false, invalidLink: true, rewrittenLink: true, unusedMergeModuleWith: true },
    plugin: ["typedoc-plugin-markdown"],
    router: "module",
    outputs: [{ name: "markdown", path: PAGES + FOLDER }],
    hideBreadcrumbs: true,
    hidePageHeader: true,
    // Headings that the page doesn't keep would change the numbers of repeated anchors.
    useHTMLAnchors: true,
    anchorPrefix: "api-",
    pageTitleTemplates: { module: ({ name }) => specifierOf(name, all) },
    logLevel: "Warn",
  });
  const project = await app.convert();
  if (project === undefined) throw new Error("TypeDoc can't read the packages");
  for (const module of project.children) {
    const entry = all.find(({ source }) => source === `${PACKAGES}${module.name}.ts`);
    if (entry === undefined) throw new Error(`no entry point has the module ${module.name}`);
    module.name = nameOf(entry);
  }
  app.validate(project);
  await app.generateOutputs(project);
  // docs/javascript-api.md lists the pages.
  rmSync(`${PAGES}${FOLDER}/README.md`);
  if (app.logger.hasWarnings() || app.logger.hasErrors()) throw new Error("TypeDoc reported problems");
  for (const { page } of all) {
    writeFileSync(PAGES + page, compact(readFileSync(PAGES + page, "utf8")));
  }
}

/** Returns the name of an entry point's module, which determines the path of its page. */
const nameOf = ({ page }) => posix.relative(FOLDER, page).replace(/\.md$/, "");

const specifierOf = (name, all) => all.find((entry) => nameOf(entry) === name)?.specifier ?? name;

/** Turns headings of single words and sentences into text, so that the outline of a page has names alone. */
function compact(markdown) {
  return markdown
    .replace(/^#+ Default\n+(?:undefined: )?/gm, "**Default:** ")
    .replace(/^#+ Examples?\n+/gm, "")
    .replace(/^#+ Returns\n+/gm, "**Returns** ")
    .replace(/^(> `const` \*\*.+) = `[^`]+`$/gm, "$1")
    .replace(/^#+ (?:Inherited from|Overrides)\n+.+\n\n/gm, "")
    .replace(/^<a id=".+"><\/a>\n\n### .+\n\nRe-exports (\[.+\]\(.+\))\n(?:\n\*\*\*\n\n?)?/gm, "- $1\n")
    .replace(/^## References$/m, "## Also exported");
}
