/** Firefox as packaged by Debian, driven over WebDriver BiDi. */

import { on } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Browser } from "playwright-core";
// Later versions send commands that the extended support release doesn't know yet.
import { firefox } from "playwright-firefox-esr";
import { PATIENCE } from "../page/browser.ts";
import { Trap } from "./trap.ts";

const program =
  process.env.FIREFOX ??
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "firefox-esr"))
    .find(existsSync);

/** Reason why tests that need Firefox are skipped. */
export const WITHOUT_FIREFOX =
  program === undefined ? "no Firefox: install firefox-esr, or put the path of one into FIREFOX" : false;

/** Firefox, all of whose requests end in a trap. */
export interface Firefox {
  readonly browser: Browser;
  readonly trap: Trap;
  /** Returns the text of the file that it saves under a name during an action. */
  saved(name: RegExp, done: () => Promise<void>): Promise<string>;
  close(): Promise<void>;
}

/** Starts Firefox. `reach` is true if it can reach servers on this machine, or nothing at all. */
export async function launch(reach: "loopback" | "nothing"): Promise<Firefox> {
  const trap = await Trap.set();
  const folder = await mkdtemp(join(tmpdir(), "countersign-firefox-"));
  const browser = await firefox.launch({
    channel: "moz-firefox",
    ...(program !== undefined && { executablePath: program }),
    downloadsPath: folder,
    timeout: PATIENCE,
    // Without it Firefox ignores the location of its settings.
    env: { ...process.env, MOZ_REMOTE_SETTINGS_DEVTOOLS: "1" },
    firefoxUserPrefs: {
      "network.proxy.type": 1,
      "network.proxy.http": "127.0.0.1",
      "network.proxy.http_port": trap.port,
      "network.proxy.ssl": "127.0.0.1",
      "network.proxy.ssl_port": trap.port,
      "network.proxy.allow_hijacking_localhost": reach === "nothing",
      // Requests of Firefox itself.
      "browser.chrome.site_icons": false,
      "services.settings.server": "data:,#remote-settings-dummy/v1",
      // Each file on disk is a site of its own, as without a driver.
      "security.fileuri.strict_origin_policy": true,
      // Animations would be measured midway, and a context's own setting doesn't reach Firefox over BiDi.
      "ui.prefersReducedMotion": 1,
    },
  });
  return {
    // The types come from another copy of the same interface.
    browser: browser as unknown as Browser,
    trap,
    async saved(name, done) {
      const watched = watch(folder);
      const changes = on(watched, "change", { signal: AbortSignal.timeout(PATIENCE) });
      await done();
      let text = "";
      // A download is empty until it is complete.
      while (text === "") {
        await changes.next();
        const file = (await readdir(folder)).find((file) => name.test(file));
        text = file === undefined ? "" : await readFile(join(folder, file), "utf8");
      }
      watched.close();
      return text;
    },
    async close() {
      await browser.close();
      trap.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
