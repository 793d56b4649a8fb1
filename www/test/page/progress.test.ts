import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { eventually } from "../../../js/test/eventually.ts";
import { type Browser, choose, endless, launch, serve, verdict } from "./browser.ts";
import { vector } from "./vectors.ts";

let browser: Browser;
let server: Awaited<ReturnType<typeof serve>>;
let page: Page;
before(async () => {
  browser = await launch();
  server = await serve();
  page = await browser.context.newPage();
  await page.goto(server.address);
});
after(async () => {
  await browser.close();
  await server.close();
});

test("progress: is shown and can be canceled", async () => {
  await choose(page, "Choose a file", endless());
  await page.getByRole("progressbar", { name: "Checking endless.ndjson.gz" }).waitFor();
  await page.getByText(/^[1-9][0-9.]* (kB|MB) of 2[0-9.]* MB$/).waitFor();
  await page.getByText(/\/s$/).waitFor();
  assert.equal(await page.locator(".result").getAttribute("aria-busy"), "true");

  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("heading", { name: "Canceled" }).waitFor();
  assert.equal(await page.locator(".verdict").count(), 0);
  assert.equal(await page.locator(".row.event").count(), 0);
  assert.equal(await page.locator("#announcement").textContent(), "Canceled");
  await page.waitForFunction(() => document.activeElement?.textContent === "Canceled");
  await page.waitForFunction(() => document.querySelector(".result")?.getAttribute("aria-busy") === "false");
  assert.equal(page.workers().length, 0);
});

test("progress: a canceled file can be verified again, or another one instead", {
  timeout: 120_000,
}, async () => {
  await page.getByRole("button", { name: "Check again" }).click();
  await page.getByRole("progressbar").waitFor();
  await choose(page, "Choose a trust file", vector("plain-closed").trust ?? []);
  await choose(page, "Choose another file", vector("plain-closed").export);
  await page.locator(".verdict").waitFor();
  assert.equal(await verdict(page), "Verified.");
  assert.match((await page.locator("#announcement").textContent()) ?? "", /^Verdict: Verified\./);
  // The workers that verified and hashed are gone; those of the index and of the detection stay.
  await eventually(
    "three workers are left",
    () => page.workers().length,
    (count) => count === 3,
  );
});
