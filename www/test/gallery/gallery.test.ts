import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { CODES, FINDINGS } from "../../gallery/findings.ts";
import { STATES as PAGE, PRINTED } from "../../gallery/page/states.ts";
import { namesIn } from "../../gallery/state.ts";
import { STATES as VIEWER } from "../../gallery/viewer/states.ts";
import { type Browser, launch } from "../page/browser.ts";
import { Booth, FOLDER } from "./booth.ts";

const LIST = join(FOLDER, "index.html");
const INDEX = readFileSync(new URL("../../../tests/vectors/INDEX.txt", import.meta.url), "utf8");

/** One browser per subject: of two tabs in one window, the background tab renders nothing. */
let browsers: readonly Browser[] = [];
before(async () => {
  browsers = await Promise.all([launch(), launch()]);
});
after(() => Promise.all(browsers.map((browser) => browser.close())));

async function opened(place: 0 | 1): Promise<Page> {
  return (await browsers[place]?.context.newPage()) ?? assert.fail();
}

test("gallery: every finding code has a vector", () => {
  const codes = new Map(
    INDEX.trimEnd()
      .split("\n")
      .map((line) => {
        const [name = "", , ...counts] = line.split(/ +/);
        return [name, counts.map((count) => count.split(":")[0])];
      }),
  );
  for (const [code, name] of Object.entries(FINDINGS)) assert.ok(codes.get(name)?.includes(code), code);
  const met = new Set([...codes.values()].flat().filter((code) => code !== "-"));
  assert.deepEqual([...met].sort(), CODES);
});

test("gallery: the list names every state and is accessible", async () => {
  const page = await opened(0);
  // The content of the frames is tested below.
  await page.setContent(readFileSync(LIST, "utf8").replace(/<iframe.*?<\/iframe>/g, ""));
  for (const [file, states] of Object.entries({ page: PAGE, viewer: VIEWER })) {
    for (const name of namesIn(states))
      assert.ok((await page.locator(`a[href="${file}.html#${name}"]`).count()) > 0, name);
  }
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 320, height: 800 });
    assert.deepEqual(await violations(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  }
  await page.close();
});

describe("states", { concurrency: 2 }, () => {
  describe("the auditor’s page", { concurrency: 1 }, () => {
    let booth: Booth;
    before(async () => {
      booth = await Booth.of(await opened(0), "page");
    });
    for (const name of namesIn(PAGE)) {
      const isPrinted = PRINTED.some((printed) => printed === name);
      test(name, () => (isPrinted ? booth.printed(name) : booth.state(name)));
    }
    for (const code of CODES.filter((code) => !code.startsWith("expected."))) {
      test(code, () => booth.part(code, `details[data-code="${code}"]`));
    }
  });

  describe("the viewer", { concurrency: 1 }, () => {
    let booth: Booth;
    before(async () => {
      booth = await Booth.of(await opened(1), "viewer");
    });
    for (const name of namesIn(VIEWER)) test(name, () => booth.state(name));
    for (const code of CODES) test(code, () => booth.fits(code));
  });
});
