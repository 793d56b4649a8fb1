// Takes the README's pictures of the built page: `npm run pictures` writes docs/page-light.png and docs/page-dark.png.
import { mkdir } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { launch, PAGE } from "../test/page/browser.ts";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

await mkdir(DOCS, { recursive: true });
for (const colorScheme of ["light", "dark"]) {
  const browser = await launch({
    colorScheme,
    viewport: { width: 1120, height: 1180 },
    deviceScaleFactor: 1.5,
  });
  const page = await browser.context.newPage();
  await page.goto(pathToFileURL(PAGE).href);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict").waitFor();
  await page.screenshot({ path: `${DOCS}page-${colorScheme}.png` });
  await browser.close();
}
