/** Starts Chromium for tests: also as root, and without network access of its own. */

import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import FLAGS from "../../xtask/chromium.json" with { type: "json" };

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** The reason for skipping tests that need Chromium, if it is missing. */
export const WITHOUT_CHROMIUM = existsSync(executablePath) ? false : `there is no ${executablePath}`;

/** Starts Chromium with a temporary profile; the headless shell if there is one, because it starts faster. */
export function launch(...args: string[]): Promise<Browser> {
  const program = process.env.HEADLESS_SHELL ?? executablePath;
  return chromium.launch({ executablePath: program, args: [...FLAGS, ...args] });
}

/** Starts the full browser with the profile in a folder. `without` lists default arguments of Playwright to omit. */
export function launchWith(
  profile: string,
  { args = [], without = [] }: { args?: readonly string[]; without?: readonly string[] } = {},
): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath,
    args: [...FLAGS, ...args],
    ignoreDefaultArgs: [...without],
  });
}
