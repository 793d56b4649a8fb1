/** Tests the built site in Chromium: reading, searching, both themes, and accessibility. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { violations } from "../../../js/test/axe.ts";
import { launch, WITHOUT_CHROMIUM } from "../../../js/test/chromium.ts";
import { serveSite } from "./server.mjs";

const skip = WITHOUT_CHROMIUM;
/** Pages with everything that pages consist of: lists, tables, code, pictures, and long references. */
const PAGES = [
  "/",
  "/install.html",
  "/architecture.html",
  "/console.html",
  "/overview.html",
  "/quickstart-node.html",
  "/api/countersign/read.html",
  "/api/http.html",
];
const BUTTON = ".VPNavBarSearchButton, .DocSearch-Button";

let site;
let browser;

before(async () => {
  if (skip) return;
  site = await serveSite();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.close();
});

/** Opens a page in a new window. `loads` has the addresses of all requests, and `errors` what the console says. */
async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const [loads, errors] = [[], []];
  page.on("request", (request) => loads.push(request.url()));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(site.url + path, { waitUntil: "networkidle" });
  return { context, page, loads, errors };
}

test("pages open without errors, and load nothing from elsewhere", { skip }, async () => {
  for (const path of PAGES) {
    const { context, page, loads, errors } = await open(path);
    assert.notEqual(await page.locator("h1").first().textContent(), "", path);
    const broken = await page.evaluate(
      () => [...document.images].filter(({ naturalWidth }) => naturalWidth === 0).length,
    );
    assert.equal(broken, 0, `${path} has pictures that don't load`);
    assert.deepEqual(
      loads.filter((address) => !address.startsWith(`${site.url}/`) && !address.startsWith("data:")),
      [],
      path,
    );
    assert.deepEqual(errors, [], path);
    await context.close();
  }
});

test("the navigation leads from page to page", { skip }, async () => {
  const { context, page, errors } = await open("/");
  await page.getByRole("link", { name: "Install", exact: true }).first().click();
  await page.waitForURL("**/install.html");
  await page.getByRole("heading", { level: 1, name: "Install" }).waitFor();
  assert.deepEqual(errors, []);
  await context.close();
});

test("the search finds a page, and an option of the API, without a network", { skip }, async () => {
  const { context, page, loads } = await open("/");
  for (const [words, path] of [
    ["legal hold", "/erasure.html"],
    ["OpenLogOptions timeoutMs", "/api/countersign/read.html"],
  ]) {
    await page.locator(BUTTON).first().click();
    await page.getByRole("searchbox").fill(words);
    const hit = page.locator(`#localsearch-list a[href^="${path}"]`).first();
    await hit.waitFor();
    await hit.click();
    await page.waitForURL(`**${path}**`);
  }
  assert.deepEqual(
    loads.filter((address) => !address.startsWith(`${site.url}/`)),
    [],
  );
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing in the ${colorScheme} theme`, { skip }, async () => {
    for (const path of PAGES) {
      const { context, page } = await open(path, { colorScheme, reducedMotion: "reduce" });
      const isDark = await page.evaluate(() => document.documentElement.classList.contains("dark"));
      assert.equal(isDark, colorScheme === "dark", path);
      assert.deepEqual(await violations(page), [], `${path}, ${colorScheme}`);
      await context.close();
    }
  });
}
