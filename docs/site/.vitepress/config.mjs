/** The site: pages at the paths that `build.mjs` copies them to, and a search that runs in the browser. */

import { generatedPages } from "../src/generated.mjs";
import { projectLinks } from "../src/links.mjs";
import { navigation, pages, sidebar } from "../src/navigation.mjs";
import { CACHE, PAGES, SITE } from "../src/paths.mjs";
import { slugify } from "../src/slugs.mjs";
import { emptyHeaders } from "../src/tables.mjs";

export default {
  title: "countersign",
  description: "Audit logs that anyone can check",
  srcDir: PAGES,
  outDir: SITE,
  cacheDir: CACHE,
  markdown: {
    anchor: { slugify },
    // Braces in documents are text, not attributes.
    attrs: { disable: true },
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config: (md) => md.use(projectLinks(pages(), generatedPages())).use(emptyHeaders),
  },
  themeConfig: {
    sidebar: sidebar(navigation(), generatedPages()),
    outline: { level: [2, 3] },
    search: { provider: "local" },
  },
};
