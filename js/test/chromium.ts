/** Chromium, as tests start it: by root too, and without a word to the network by itself. */

import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import FLAGS from "../../xtask/chromium.json" with { type: "json" };

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why a test that needs it has to be skipped. */
export const WITHOUT_CHROMIUM = existsSync(executablePath) ? false : `there is no ${executablePath}`;

/** Starts it with a profile that is gone with it, without its window where there is one without, which is sooner there. */
export function launch(...args: string[]): Promise<Browser> {
  const program = process.env.HEADLESS_SHELL ?? executablePath;
  return chromium.launch({ executablePath: program, args: [...FLAGS, ...args] });
}

/** Starts the whole of it with the profile of a folder; `without` are arguments of Playwright's own. */
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
