/** `<countersign-viewer>` in Firefox, in a page with the strictest policy. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { Site } from "../../../js/test/viewer/site.ts";
import { PATIENCE } from "../page/browser.ts";
import { vector } from "../page/vectors.ts";
import { type Firefox, launch, WITHOUT_FIREFOX } from "./browser.ts";

const skip = WITHOUT_FIREFOX;
const { export: file, trust = "" } = vector("log-two-chains");
const lines = readFileSync(file, "utf8").trimEnd().split("\n");
/** Returns the lines up to and including the first checkpoint, and those after it. */
const [first, rest] = [lines.slice(0, 11), lines.slice(11)];
const isEntry = (line: string) => !line.includes('"checkpoint"') && !line.startsWith('{"countersign"');
const entryCount = (lines: readonly string[]) => lines.filter(isEntry).length;

let firefox: Firefox;
let site: Site;
before(async () => {
  if (skip) return;
  firefox = await launch("loopback");
  site = await Site.start(firefox.browser);
  site.answers.set("/trust.txt", readFileSync(trust));
});
after(async () => {
  await site?.stop();
  await firefox?.close();
});

test("Firefox element: shows verdict and rows of an address with a trust file", { skip }, async () => {
  site.answers.set("/log.ndjson", lines.join("\n"));
  const element = `<countersign-viewer src="/log.ndjson" trust="/trust.txt" fragment></countersign-viewer>`;
  const { page, complaints, close } = await site.open(element);
  page.setDefaultTimeout(PATIENCE);
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await page.getByRole("status").filter({ hasText: "Verdict: Verified." }).waitFor();
  const events = lines.filter((line) => line.includes('"event":')).length;
  await page.locator(".notice", { hasText: `${events} events` }).waitFor();
  await page.getByRole("combobox", { name: "Search events" }).fill("action:no.such");
  await page.getByText("No events match.").waitFor();
  assert.equal(new URL(page.url()).hash, "#q=action:no.such");
  assert.deepEqual(complaints, []);
  assert.deepEqual(site.asked.sort(), ["/log.ndjson", "/trust.txt"]);
  assert.deepEqual(firefox.trap.asked, []);
  await close();
});

test("Firefox element: follows a log and raises an alarm for altered entries", { skip }, async () => {
  let stream: ServerResponse | undefined;
  let index = 0;
  const send = (lines: readonly string[]) => {
    for (const line of lines) stream?.write(`${isEntry(line) ? `id: ${index++}\n` : ""}data: ${line}\n\n`);
  };
  site.answers.set("/stream", (_, response) => {
    stream = response;
    response.setHeader("content-type", "text/event-stream");
    response.flushHeaders();
    send(first);
  });
  const { page, complaints, close } = await site.open(
    `<countersign-viewer src="/stream" trust="/trust.txt" live></countersign-viewer>`,
  );
  page.setDefaultTimeout(PATIENCE);
  const upTo = (lines: readonly string[]) =>
    page.locator(".live-line", { hasText: `Verified up to ${entryCount(lines)} entries` }).waitFor();
  const alarm = page.getByRole("alert").filter({ hasText: "Alarm" });
  await upTo(first);
  assert.equal(await alarm.count(), 0);
  send(rest.map((line) => line.replace('"event":{', '"event":{"forged":true,')));
  await alarm.getByText("The content does not match what was signed").waitFor();
  assert.deepEqual(complaints, []);
  assert.deepEqual(firefox.trap.asked, []);
  await close();
});
