/** A run of a recorder with an IndexedDB outbox in a page. */

import { indexedDbOutbox } from "../../packages/countersign/dist/browser.js";
import type { PageFunctions } from "./chromium.ts";
import { live } from "./scenario.ts";

const pending: string[] = [];
function tell(): void {
  void (globalThis as unknown as { say: (lines: string[]) => Promise<void> }).say(pending.splice(0));
}
function say(line: string): void {
  if (pending.push(line) === 1) {
    queueMicrotask(tell);
  }
}

const page: PageFunctions = {
  async live(life) {
    await live(life, { outbox: indexedDbOutbox, say });
    // The entries left by earlier runs and by tabs that crashed since.
    const outbox = indexedDbOutbox();
    say(`left ${(await outbox.open()).length}`);
    await outbox.close();
  },
};
Object.assign(globalThis, page);
