/** Tests the agent in Chromium: a refused call, one that a person approves, and evidence of what was done for whom. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { violations } from "../../js/test/axe.ts";
import { launch } from "../../js/test/chromium.ts";
import { COUNTERSIGN, PATH, project } from "../run/tools.ts";
import { countersign, type ExportedEvent, exportOf } from "./log.ts";
import { command, shell } from "./readme.ts";
import { Running } from "./running.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";
const timeout = 120_000;
const cwd = project("examples/agent");

/** The auditor's page, which a program built without it needs for an evidence file. */
const PAGE = project("www/dist/index.html");

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Starts the log and the shop with the README's command, in a folder of their own. */
async function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "countersign-agent-"));
  const path = (name: string) => join(folder, name);
  const [, dev = "", ...rest] = command("agent", "countersign dev");
  const typed = [COUNTERSIGN, dev, "--dir", path("dev"), "--listen", "127.0.0.1:0", ...rest];
  const shop = new Running(typed, {
    cwd,
    env: { AUDIT_TRUST: path("dev/log/trust.txt"), AUDIT_OUTBOX: path("outbox"), PORT: "0", NO_COLOR: "1" },
  });
  t.after(async () => {
    await shop.stop();
    rmSync(folder, { recursive: true });
  });
  const log = await shop.prints(/the log \S+ listens on (\S+)/);
  const url = await shop.prints(/\n(http:\S+)\/\n/);
  /** Starts the agent for a person. */
  const agent = (person: string): Running => {
    const running = new Running(command("agent", `node agent.ts ${person}`), { cwd, env: { SHOP: url } });
    t.after(() => running.kill());
    return running;
  };
  return { folder, shop, log, url, agent };
}

/** The fields of an event that are compared. */
interface AgentEvent {
  readonly action: string;
  readonly actor: { readonly id: string };
  readonly on_behalf_of?: { readonly id: string };
  readonly target: { readonly id: string; readonly name?: string };
  readonly outcome: string;
  readonly metadata?: { readonly tool?: { readonly decision: string; readonly approved_by?: string } };
}

/** Summarizes what was done for a person: who did what, the outcome, the decision, and who approved it. */
const summaries = (events: readonly ExportedEvent[], person: string): string[] =>
  events
    .map(({ event }) => event as unknown as AgentEvent)
    .filter(({ on_behalf_of }) => on_behalf_of?.id === person)
    .map(({ action, actor, target, outcome, metadata: { tool } = {} }) => {
      const words = [action, target.name ?? target.id, outcome, tool?.decision, tool?.approved_by];
      return `${actor.id}: ${words.filter(Boolean).join(" ")}`;
    });

async function open(t: TestContext, address: string): Promise<Page> {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(address);
  return page;
}

/** Returns the rows of the viewer with all of these texts. */
const rows = (page: Page, ...texts: string[]) =>
  texts.reduce((found, hasText) => found.filter({ hasText }), page.locator("cs-rows [role=row]"));

/** Presses a button about a call that waits, which the page then no longer shows. */
async function press(page: Page, person: string, name: "Approve" | "Decline"): Promise<void> {
  const form = page.locator("form[method=post]", { hasText: `For ${person},` });
  await form.getByRole("button", { name }).click();
  await form.waitFor({ state: "detached" });
}

test("agent: a person approves calls, sees what was done for whom, and files evidence of it", {
  skip,
  timeout,
}, async (t) => {
  const { folder, shop, log, url, agent } = await start(t);
  const [forGrace, forLinus] = [agent("grace"), agent("linus")];
  await shop.prints(/refund_order waits for approval/, 2);
  await forGrace.prints(/send_email .*"to":"eve@else\.example".*: This call was refused by policy\./);
  assert.doesNotMatch(forGrace.output, /refund_order/);

  const page = await open(t, `${url}/`);
  assert.deepEqual(await violations(page), []);
  await press(page, "linus", "Decline");
  await forLinus.prints(/refund_order .*: The person declined this call\./);
  await press(page, "grace", "Approve");
  await forGrace.prints(/refund_order .*: refunded order 41/);
  await forGrace.prints(/send_email .*: sent to kim@customer\.example/);
  assert.equal(await page.locator("form[method=post]").count(), 0);
  // The page was loaded again, which ended its connections to the log.
  assert.doesNotMatch(shop.output, /error/i);

  await page.locator("[data-verdict=verified]").waitFor();
  await rows(page, "refund_order", "denied", "support-bot for linus").waitFor();
  await page.locator(".facet .chip", { hasText: "grace" }).click();
  await page.getByText(/Showing 5 of \d+ events\./).waitFor();
  assert.equal(await rows(page, "linus").count(), 0);
  await rows(page, "send_email", "denied", "support-bot for grace").click();
  await page.getByText("refused by Email to a Stranger").first().waitFor();

  const [, , evidence = ""] = shell("agent").map((block) =>
    block
      .replaceAll("http://127.0.0.1:8080", log)
      .replaceAll(".countersign/dev", join(folder, "dev"))
      .replace("-o grace.html", `-o grace.html --page ${PAGE}`),
  );
  const checked = execFileSync("sh", ["-ec", evidence], {
    cwd: folder,
    env: { PATH: `${dirname(COUNTERSIGN)}:${PATH}`, NO_COLOR: "1" },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  assert.match(checked, /Verified/);
  const filed = await open(t, pathToFileURL(join(folder, "grace.html")).href);
  await filed.getByRole("heading", { name: "What was done on behalf of grace?" }).waitFor();
  await filed.getByText(/The search selects 5 of \d+ events: 4 succeeded, 1 was denied\./).waitFor();
  await filed.getByText("They give the same report as the one in the file.").waitFor();
  await filed
    .locator("#verdict-heading")
    .filter({ hasText: /^Unchanged/ })
    .waitFor();

  const [altered, trust] = [join(folder, "altered.ndjson"), join(folder, "dev/log/trust.txt")];
  const exported = readFileSync(join(folder, "export.ndjson"), "utf8");
  writeFileSync(altered, exported.replaceAll("eve@else.example", "kim@customer.example"));
  assert.throws(() => countersign("report", "--check", join(folder, "grace.html"), altered, "--trust", trust), {
    status: 1,
  });

  const token = readFileSync(join(folder, "dev/token"), "utf8");
  const { verdict, events } = exportOf(log, token, readFileSync(trust, "utf8"), folder);
  assert.equal(verdict, "verified");
  assert.deepEqual(summaries(events, "grace"), [
    "support-bot: tool.call find_order success allow",
    "support-bot: tool.call send_email denied deny",
    "support-bot: order.refund 41 success",
    "support-bot: tool.call refund_order success challenge ada",
    "support-bot: tool.call send_email success allow",
  ]);
  assert.deepEqual(summaries(events, "linus"), [
    "support-bot: tool.call find_order success allow",
    "support-bot: tool.call refund_order denied challenge",
  ]);
  // The text of an email is hashed.
  assert.doesNotMatch(JSON.stringify(events), /forward this order/);
});

test("agent: an unknown token, and approvals from other sites, are refused", { skip, timeout }, async (t) => {
  const { shop, url, agent } = await start(t);
  const { status } = await fetch(`${url}/mcp`, { method: "POST", headers: { authorization: "Bearer mallory" } });
  assert.equal(status, 401);
  const running = agent("grace");
  await shop.prints(/refund_order waits for approval/);
  const [, form = ""] = /action="(.*?)"/.exec(await (await fetch(url)).text()) ?? [];
  const approve = (origin: string) =>
    fetch(`${url}${form}`, { method: "POST", headers: { origin }, body: new URLSearchParams({ answer: "yes" }) });
  assert.equal((await approve("https://else.example")).status, 403);
  assert.doesNotMatch(running.output, /refund/);
  assert.equal((await approve(url)).status, 200);
  await running.prints(/refunded order 41/);
});

test("agent: pack.json matches its rules", { skip }, () => {
  const built = countersign("rules", "build", join(cwd, "rules"));
  assert.equal(readFileSync(join(cwd, "pack.json"), "utf8").trim(), built);
});
