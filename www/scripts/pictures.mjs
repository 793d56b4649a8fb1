// Takes the README's screenshots from the built gallery: `npm run pictures` writes docs/*.png. With names of pictures
// (`npm run pictures -- proof-light`), only those.
import { mkdir } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launch } from "../test/page/browser.ts";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));
const GALLERY = new URL("../dist/gallery/", import.meta.url);

/** Position in the gallery, size, and subject of each screenshot, by name. */
const PICTURES = {
  "viewer-light": { at: "viewer.html#rows", theme: "light", size: [1280, 860] },
  "viewer-dark": { at: "viewer.html#filtered", theme: "dark", size: [1280, 860] },
  "proof-light": { at: "viewer.html#proof", theme: "light", size: [1120, 900], only: ".main" },
  "changes-dark": { at: "viewer.html#changes", theme: "dark", size: [1120, 820], only: ".main" },
  "page-light": { at: "page.html#verified", theme: "light", size: [1280, 800] },
  "page-dark": { at: "page.html#altered", theme: "dark", size: [1280, 800] },
  "coverage-light": { at: "page.html#coverage", theme: "light", size: [1120, 900], only: ".coverage" },
  "compare-dark": { at: "page.html#compare", theme: "dark", size: [1120, 900], only: ".compare" },
};

const wanted = process.argv.slice(2);

await mkdir(DOCS, { recursive: true });
for (const [name, { at, theme, size, only }] of Object.entries(PICTURES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const [width, height] = size;
  const browser = await launch({
    colorScheme: theme,
    viewport: { width, height },
    deviceScaleFactor: 1.2,
    reducedMotion: "reduce",
  });
  const page = await browser.context.newPage();
  await page.goto(new URL(at, pathToFileURL(fileURLToPath(GALLERY))).href);
  await page.locator("html:is([data-state], [data-failed])").waitFor();
  const failed = await page.locator("html").getAttribute("data-failed");
  if (failed !== null) throw new Error(`${name}: ${failed}`);
  // Hides the focus ring, because a script set the focus.
  await page.evaluate(() => {
    let { activeElement } = document;
    while (activeElement?.shadowRoot?.activeElement) activeElement = activeElement.shadowRoot.activeElement;
    activeElement?.blur();
  });
  const path = `${DOCS}${name}.png`;
  if (only !== undefined) await page.locator(only).first().screenshot({ path });
  else await page.screenshot({ path });
  await browser.close();
}
