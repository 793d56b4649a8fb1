/** Runs `CountersignLog` in workerd. */

import { existsSync } from "node:fs";
import type { Kind, Started } from "./log.ts";
import type { Setup } from "./setup.ts";

const START = new URL("../log/start.ts", import.meta.url);

export const durableObject: Kind = {
  name: "CountersignLog in workerd",
  skip: existsSync(START) || process.env.CI ? false : `there is no ${START.pathname}`,
  limits: { bytes: 4 << 20, lines: 8_192 },
  restarts: true,
  start: async (setup) => {
    // Always stopped by killing workerd.
    const { startLog }: { startLog: (setup: Setup) => Promise<Started> } = await import(START.href);
    return startLog(setup);
  },
};
