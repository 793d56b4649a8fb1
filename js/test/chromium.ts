/** Chromium, as tests start it: by root too, and without a word to the network by itself. */

import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium } from "playwright-core";
import FLAGS from "../../xtask/chromium.json" with { type: "json" };

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why a test that needs it has to be skipped. */
export const WITHOUT_CHROMIUM = existsSync(executablePath) ? false : `there is no ${executablePath}`;

/** Starts it with a profile that is gone with it. */
export function launch(...args: string[]): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...FLAGS, ...args] });
}

/** Starts it with the profile of a folder; `without` are arguments of Playwright's own. */
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
