/** Starts Chromium for the tests of examples. */

import { type Browser, chromium } from "playwright-core";
import FLAGS from "../../xtask/chromium.json" with { type: "json" };

/** Starts Chromium with a temporary profile; the headless shell if there is one, because it starts faster. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.HEADLESS_SHELL ?? process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
  });
}
