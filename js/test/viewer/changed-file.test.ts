/** A file that is changed or removed while its events are shown. */

import assert from "node:assert/strict";
import { mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Viewer } from "../../packages/ui/dist/viewer/viewer.js";
import { exportOf } from "../verify/inputs.ts";
import { Site } from "./site.ts";

let site: Site;
let folder: string;
before(async () => {
  site = await Site.start();
  folder = await mkdtemp(join(tmpdir(), "countersign-"));
});
after(async () => {
  await site.stop();
  await rm(folder, { recursive: true });
});

const { bytes, trust } = exportOf({ events: 3000 });
const changes = {
  changed: (path: string) => writeFile(path, Buffer.from(bytes).toString().replaceAll('"u_1"', '"u_7"')),
  removed: unlink,
};

for (const [what, change] of Object.entries(changes)) {
  test(`a file that was ${what}: shows only verified content and reports the change`, async () => {
    const path = join(folder, `${what}.ndjson`);
    await writeFile(path, bytes);
    const { page, complaints, close } = await site.open('<input type="file"><countersign-viewer></countersign-viewer>');
    await page.setInputFiles("input", path);
    await page.evaluate((trust) => {
      const viewer = document.querySelector("countersign-viewer") as Viewer;
      viewer.trustText = trust;
      viewer.file = document.querySelector("input")?.files?.[0];
    }, trust);
    await page.getByRole("heading", { name: "Verified." }).waitFor();
    await page.locator(".notice", { hasText: "9,000 events" }).waitFor();
    // A row's number counts the header row.
    const row = (number: number) => page.locator(`cs-rows .row[aria-rowindex="${number + 1}"]:not(.unread)`);
    await row(2).click();
    await page.getByRole("heading", { name: /Event on line/ }).waitFor();
    await page.keyboard.press("Escape");
    await change(path);
    await page.locator("cs-rows .scroller").focus();
    await page.keyboard.press("End");
    await row(8999).click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    assert.match((await alert.textContent()) ?? "", /^The file was changed, moved or removed after it was verified\./);
    assert.equal(await page.getByRole("heading", { name: /Event on line/ }).count(), 0);
    assert.equal(await page.getByText("u_7").count(), 0);
    assert.deepEqual(complaints, []);
    await close();
  });
}
