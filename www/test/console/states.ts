/** Every state of the console, in a tab, each with a log of its own. */

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { PAGE } from "../page/browser.ts";
import { tab, verdict } from "./navigation.ts";
import { events, RealLog } from "./real-log.ts";

/** Sets up a state. Returns a function that closes its log. */
type Scene = (page: Page) => Promise<() => Promise<void>>;

const TABS = [
  "Overview",
  "Search",
  "Live",
  "Ask",
  "Findings",
  "Sessions",
  "Inventory",
  "Exposure",
  "Coverage",
  "Keys",
  "Witnesses",
  "Evidence",
  "Storage",
] as const;

/** Events with findings. */
const ATTACK = Array.from({ length: 12 }, (_, number) => ({
  action: "session.login",
  actor: { type: "user", id: "u_9", name: "Mallory", session: "s_9" },
  target: { type: "user", id: "u_9" },
  outcome: number < 11 ? "failure" : "success",
  context: { ip: "198.51.100.7" },
}));

interface StateOptions {
  readonly recorded?: readonly object[];
  readonly trusts?: boolean;
  readonly reads?: boolean;
}

async function opened(
  page: Page,
  { recorded = [], trusts = true, reads = true }: StateOptions,
): Promise<RealLog> {
  const log = await RealLog.start();
  if (recorded.length > 0) log.record(recorded);
  await page.goto(`${log.url}/`);
  if (trusts) {
    await page.getByText("Paste a trust file").click();
    await page.getByLabel("Trust file", { exact: true }).fill(log.trust);
    await page.getByRole("button", { name: "Use it" }).click();
  }
  if (reads) {
    await page.getByLabel("Access token").fill(log.token);
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.locator("[data-sign-in=accepted]").waitFor();
  }
  return log;
}

/** Returns a log with verified events. */
async function full(page: Page): Promise<RealLog> {
  const log = await opened(page, { recorded: [...events(60), ...ATTACK] });
  await verdict(page);
  return log;
}

/** Saves what the rules found, and returns the file. */
async function savedFindings(page: Page): Promise<string> {
  await page.route(/\/auditor\.html$/, (route) =>
    route.fulfill({ contentType: "text/html; charset=utf-8", body: readFileSync(PAGE) }),
  );
  await verdict(page);
  await tab(page, "Findings");
  const download = page.waitForEvent("download");
  await page.locator("cs-findings button[name=detections]").click();
  const file = readFileSync(await (await download).path(), "utf8");
  await page.locator("cs-findings .ask-saved", { hasText: "Saved" }).waitFor();
  return file;
}

/** Chooses an evidence file to check. */
async function checked(page: Page, file: string): Promise<void> {
  await tab(page, "Evidence");
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose an evidence file" }).click();
  const name = "findings.evidence.html";
  await (await chooser).setFiles([{ name, mimeType: "text/html", buffer: Buffer.from(file) }]);
}

const inTab = (name: string): Scene => {
  return async (page) => {
    const log = await full(page);
    await tab(page, name);
    await page.locator(`main[data-tab=${name.toLowerCase()}]`).waitFor();
    if (name === "Storage") await page.getByText("Entries stored").waitFor();
    if (name === "Findings") await page.getByText(/findings? in the/).waitFor();
    if (name === "Sessions") await page.getByText("Mallory").or(page.getByText("u_9")).first().waitFor();
    return () => log.close();
  };
};

const beforeReading = (name: string): Scene => {
  return async (page) => {
    const log = await opened(page, { recorded: events(5), trusts: false, reads: false });
    await tab(page, name);
    await page.locator(`main[data-tab=${name.toLowerCase()}]`).waitFor();
    return () => log.close();
  };
};

const live =
  (then: (page: Page, log: RealLog) => Promise<void>): Scene =>
  async (page) => {
    const log = await full(page);
    await tab(page, "Live");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await verdict(page);
    log.record(events(3, "config.update"));
    await page
      .locator("countersign-viewer cs-rows [role=row]", { hasText: "config.update" })
      .first()
      .waitFor();
    await then(page, log);
    return () => log.close();
  };

export const CONSOLE_STATES: Readonly<Record<string, Scene>> = {
  "sign-in": async (page) => {
    const log = await opened(page, { recorded: events(5), trusts: false, reads: false });
    return () => log.close();
  },
  refused: async (page) => {
    const log = await opened(page, { recorded: events(5), trusts: false, reads: false });
    await page.getByLabel("Access token").fill("ct_wrong");
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.locator(".refused[data-status='401']").waitFor();
    return () => log.close();
  },
  "no-trust": async (page) => {
    const log = await opened(page, { recorded: events(60), trusts: false });
    await verdict(page);
    return () => log.close();
  },
  "no-trust-search": async (page) => {
    const log = await opened(page, { recorded: events(60), trusts: false });
    await tab(page, "Search");
    await verdict(page);
    return () => log.close();
  },
  "wrong-trust": async (page) => {
    const log = await opened(page, { recorded: events(60), trusts: false });
    const stranger = log.run("keygen", "other.example/app", "--out", log.path("stranger.key"));
    await page.locator(".access > summary").click();
    await page.getByText("Paste a trust file").click();
    await page.getByLabel("Trust file", { exact: true }).fill(`emitter ${stranger}\n`);
    await page.getByRole("button", { name: "Use it" }).click();
    await page.locator(".access-states [data-trust=none]").waitFor();
    await tab(page, "Findings");
    await page.locator(".section-head [data-verdict]", { hasText: "did not sign" }).waitFor();
    return () => log.close();
  },
  empty: async (page) => {
    const log = await opened(page, {});
    await tab(page, "Search");
    await page.getByText("This log is empty").waitFor();
    return () => log.close();
  },
  event: async (page) => {
    const log = await full(page);
    await tab(page, "Search");
    await page.locator("countersign-viewer cs-rows .row.event").first().click();
    await page.locator("countersign-viewer #cs-drawer-heading").waitFor();
    return () => log.close();
  },
  access: async (page) => {
    const log = await full(page);
    await page.locator(".access > summary").click();
    return () => log.close();
  },
  "wrong-search": async (page) => {
    const log = await opened(page, { recorded: events(5) });
    await verdict(page);
    await page.goto(`${log.url}/#tab=search&query=since%3Ayesterdayish`);
    await page.locator(".refused, #query-problems").first().waitFor();
    return () => log.close();
  },
  "whole-log": async (page) => {
    const log = await full(page);
    await page.goto(`${log.url}/#tab=search&limit=20`);
    await page.locator("countersign-viewer .notice [role=status]", { hasText: "20 events" }).waitFor();
    await page.getByRole("combobox", { name: "Search events" }).fill("actor:u_9");
    await page.getByRole("button", { name: "Search the whole log" }).click();
    await page.locator("[data-found]").waitFor();
    return () => log.close();
  },
  unreachable: async (page) => {
    const log = await full(page);
    await log.stop();
    await page.getByRole("button", { name: "Load again" }).click();
    await page.locator(".refused").first().waitFor();
    return () => log.close();
  },
  "live-following": live(async () => {}),
  "live-stopped": live(async (page) => {
    await page.locator(".section-head .strip-action").click();
    await page.locator(".section-head .live-line[data-state=stopped]").waitFor();
  }),
  "live-lost": live(async (page, log) => {
    await log.stop();
    await page.locator(".section-head .live-line[data-state=lost]").waitFor();
  }),
  alarm: live(async (page, log) => {
    await log.replace();
    log.record(events(3));
    await page.locator("countersign-viewer [part=alarm], .alarm").first().waitFor();
  }),
  "no-findings": async (page) => {
    const log = await opened(page, { recorded: events(5) });
    await verdict(page);
    await tab(page, "Findings");
    await page.locator("main[data-tab=findings]").waitFor();
    return () => log.close();
  },
  "findings-saved": async (page) => {
    const log = await full(page);
    await savedFindings(page);
    return () => log.close();
  },
  "evidence-found": async (page) => {
    const log = await full(page);
    await checked(page, await savedFindings(page));
    await page.locator("[data-vouched=stated]").waitFor();
    return () => log.close();
  },
  "evidence-quiet": async (page) => {
    const log = await opened(page, { recorded: events(60) });
    await checked(page, await savedFindings(page));
    await page.locator("[data-vouched=contained]").waitFor();
    return () => log.close();
  },
  "evidence-refused": async (page) => {
    const log = await opened(page, { recorded: events(5) });
    const file = await savedFindings(page);
    await checked(page, file.replace(/(\nsum )[0-9a-f](?=[0-9a-f]{63}\n<\/script>\n$)/, "$1x"));
    await page.locator("[data-filed=refused]").waitFor();
    return () => log.close();
  },
  german: async (page) => {
    const log = await full(page);
    await page.getByRole("button", { name: "Deutsch" }).or(page.getByLabel("Language")).first().click();
    return () => log.close();
  },
  ...Object.fromEntries(TABS.map((name) => [name.toLowerCase(), inTab(name)])),
  ...Object.fromEntries(
    TABS.filter((name) => name !== "Search").map((name) => [
      `${name.toLowerCase()}-before`,
      beforeReading(name),
    ]),
  ),
};
