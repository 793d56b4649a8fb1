/** The README's example of the element. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { caseNamed } from "../verify/cases.ts";
import { Site } from "./site.ts";

const blocks = blocksOf("../../packages/viewer/README.md");

function blocksOf(readme: string): string[] {
  const text = readFileSync(new URL(readme, import.meta.url), "utf8");
  return [...text.matchAll(/^```html\n(.*?)^```$/gms)].map(([, html = ""]) => html);
}

const site = await Site.start();
after(() => site.stop());

test("README: a page made of its HTML shows a live log", async () => {
  const { bytes, options } = caseNamed("log-two-chains");
  const requested: string[] = [];
  site.answers.set("/trust.txt", options.trust ?? "");
  site.answers.set("/export", (request, response) => {
    requested.push(`${request.url} ${request.headers["x-csrf"]}`);
    response.end(bytes);
  });
  site.answers.set("/stream", (request, response) => {
    requested.push(`${request.url} ${request.headers["last-event-id"]} ${request.headers["x-csrf"]}`);
    response.setHeader("content-type", "text/event-stream");
    response.write(": all is quiet\n\n");
  });
  site.answers.set("/readme", (_request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    // The script is inline.
    response.setHeader("content-security-policy", "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'");
    response.end(`<!doctype html><html lang="en"><title>README</title>${blocks.join("\n")}`);
  });
  const lines: string[] = [];
  const { page, complaints, close } = await site.visit("/readme");
  page.on("console", (message) => lines.push(message.text()));
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.getByRole("button", { name: "Download" }).waitFor();
  await page.getByText("Following the log").waitFor();
  assert.equal(blocks.length, 2);
  assert.ok(
    requested.some((one) => one.startsWith("/stream?since=2026-11-01 14 ")),
    requested.join(),
  );
  // Pieces of the export may arrive before its end.
  assert.match(lines.at(-1) ?? "", /^verified log\.example\/audit\n15\n/);
  assert.deepEqual(complaints, []);
  await close();
});

test("the project's README shows the same", () => assert.deepEqual(blocksOf("../../../README.md"), blocks.slice(0, 1)));
