import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page, Route } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch } from "../page/browser.ts";
import { tab, verdict, verdictIn } from "./navigation.ts";
import { events, RealLog, skip } from "./real-log.ts";

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce", remembers: true });
});
after(() => browser.close());

async function opened(
  t: TestContext,
  { width = 1200, colorScheme = "light" as "light" | "dark", hash = "#tab=search" } = {},
) {
  const log = await RealLog.start();
  const page = await browser.context.newPage();
  const requested: URL[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => requested.push(new URL(request.url())));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted Type/.test(message.text())) complaints.push(message.text());
  });
  t.after(async () => {
    await page.close();
    await log.close();
    assert.deepEqual(complaints, []);
    const elsewhere = requested.filter(
      ({ origin, protocol }) => origin !== log.url && protocol !== "blob:" && protocol !== "data:",
    );
    assert.deepEqual(elsewhere, []);
    assert.ok(requested.every(({ href }) => !href.includes(log.token)));
  });
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(`${log.url}/${hash}`);
  return { log, page, requested };
}

async function trust(page: Page, text: string): Promise<void> {
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.locator(".trust-part").getByText("pasted-trust.txt").first().waitFor();
}

async function enter(page: Page, token: string): Promise<void> {
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Use this token" }).click();
}

async function accepted(page: Page, token: string): Promise<void> {
  await enter(page, token);
  await page.locator("[data-sign-in=accepted]").waitFor();
}

async function row(page: Page, text: string): Promise<void> {
  await page.locator("countersign-viewer cs-rows [role=row]", { hasText: text }).first().waitFor();
}

const found = (page: Page, events: string) =>
  page.locator("countersign-viewer .notice [role=status]", { hasText: events }).waitFor();

test("access: accepts only a valid token and sends it only in one header", { skip }, async (t) => {
  const { log, page, requested } = await opened(t);
  log.record(events(5));
  await enter(page, "two words");
  await page.getByText("A token is one word").waitFor();
  assert.equal(await page.getByLabel("Access token").getAttribute("aria-invalid"), "true");
  await enter(page, "ct_wrong");
  await page.locator(".refused[data-status='401']").waitFor();
  assert.match(await page.locator(".refused").innerText(), /doesn’t accept this token[\s\S]*The log says:/);
  await page.getByLabel("Keep the token and the trust file").uncheck();
  const request = page.waitForRequest(/\/export\?limit=1$/);
  await accepted(page, log.token);
  assert.equal((await request).headers().authorization, `Bearer ${log.token}`);
  const open = page.waitForRequest(/\/checkpoint$/);
  await tab(page, "Storage");
  assert.equal((await open).headers().authorization, undefined);
  await tab(page, "Search");
  await row(page, "job.update");
  assert.ok(requested.length > 3);
  const kept = await page.evaluate(() => [
    ...Object.values(localStorage),
    ...Object.values(sessionStorage),
    document.cookie,
    location.href,
    JSON.stringify(history.state),
    document.documentElement.outerHTML,
    document.querySelector<HTMLInputElement>("#token")?.value ?? "",
  ]);
  assert.ok(kept.every((text) => !text.includes(log.token)));
  await page.reload();
  await page.locator("#token").waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

test("search: at least twelve rows are in view at 1280 by 800", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(60));
  await page.setViewportSize({ width: 1280, height: 800 });
  await trust(page, log.trust);
  await accepted(page, log.token);
  await tab(page, "Search");
  await row(page, "job.update");
  await verdict(page, "verified");
  await page.waitForFunction(() => {
    const root = document.querySelector("countersign-viewer")?.shadowRoot;
    const list = root?.querySelector(".scroller");
    const head = list?.querySelector(".head")?.getBoundingClientRect().bottom ?? 0;
    const end = Math.min(window.innerHeight, list?.getBoundingClientRect().bottom ?? 0);
    const boxes = [...(list?.querySelectorAll(".row") ?? [])].map((one) => one.getBoundingClientRect());
    return boxes.filter(({ top, bottom }) => top >= head - 1 && bottom <= end + 1).length >= 12;
  });
});

test("access: a reload keeps the session in this tab, until the reader signs out", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(30));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await tab(page, "Findings");
  await verdict(page, "verified");
  await page.locator(".extent select").selectOption({ label: "the whole log" });
  await page.locator(".section-head time").waitFor();
  const { hash } = new URL(page.url());
  assert.deepEqual(
    [...new URLSearchParams(hash.slice(1))],
    [
      ["group", "detection"],
      ["tab", "findings"],
      ["limit", "all"],
    ],
  );
  await page.reload();
  await page.locator("main[data-tab=findings]").waitFor();
  await verdict(page, "verified");
  assert.equal(new URL(page.url()).hash, hash);
  assert.equal(await page.locator(".extent select").inputValue(), "");
  assert.equal(await page.evaluate(() => Object.values(localStorage).join().includes("ct_")), false);
  // Another log of the origin doesn't get the token.
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), ["countersign.console/v2/"]);
  await page.locator(".access > summary").click();
  await page.getByRole("button", { name: "Sign out, and forget the token and the trust file" }).click();
  await page.locator("#token:focus").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.equal(new URL(page.url()).hash, "#group=detection&tab=findings");
  await page.reload();
  await page.locator("#token").waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

test("access: a token that expired leads to the sign-in after a reload, in the same section", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(3));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await tab(page, "Keys");
  await verdict(page, "verified");
  const { hash } = new URL(page.url());
  await page.evaluate(() => {
    const [name = ""] = Object.keys(sessionStorage);
    const fields = JSON.parse(sessionStorage.getItem(name) ?? "") as object;
    sessionStorage.setItem(name, JSON.stringify({ ...fields, token: "ct_expired" }));
  });
  await page.reload();
  await page.locator(".refused[data-status='401']").waitFor();
  assert.equal(new URL(page.url()).hash, hash);
  // The trust file stays, and the refused token goes.
  await page.locator(".access-states [data-trust]", { hasText: "pasted-trust.txt" }).waitFor();
  assert.ok(await page.evaluate(() => !Object.values(sessionStorage).join().includes("ct_expired")));
  await accepted(page, log.token);
  await page.locator("main[data-tab=keys]").waitFor();
  await verdict(page, "verified");
  // Input that was stored long ago is discarded.
  await page.evaluate(() => {
    const [name = ""] = Object.keys(sessionStorage);
    const fields = JSON.parse(sessionStorage.getItem(name) ?? "") as { at: number };
    sessionStorage.setItem(name, JSON.stringify({ ...fields, at: fields.at - 13 * 60 * 60 * 1000 }));
  });
  await page.reload();
  await page.locator("#token").waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

test("access: a reader who signed in on another tab finds events on the search tab", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(3));
  await tab(page, "Storage");
  await accepted(page, log.token);
  await tab(page, "Search");
  await row(page, "job.update");
});

test("findings: have a tab of their own and lead to the events", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record([
    ...events(8),
    { action: "log.disable", actor: { type: "user", id: "u_9" }, target: { type: "log", id: "l_1" } },
  ]);
  await trust(page, log.trust);
  await accepted(page, log.token);
  await verdict(page, "verified");
  await row(page, "log.disable");
  await page.locator("cs-rows .row.marked", { hasText: "log.disable" }).waitFor();
  await tab(page, "Findings");
  const one = page.locator("main .found-one", {
    hasText: "Log Changed, Disabled, or Erased",
  });
  await one.waitFor();
  await page.locator('.found-outcome[data-looks="found"]').waitFor();
  assert.match(await page.locator(".found-outcome").innerText(), /^\d findings? in /);
  assert.deepEqual(await violations(page), []);
  await one.click();
  await page.locator("main[data-tab=search]").waitFor();
  await page.locator("cs-drawer .found-why", { hasText: "Log Changed, Disabled, or Erased" }).waitFor();
});

/** An identifier in the form of AWS. */
const LONG = `arn:aws:sts::123456789012:assumed-role/${"a-role-with-a-long-name-".repeat(2)}/a-session-1722458700`;

/** Titles of the rules that fire in the first session. */
const WHY = /Log Changed, Disabled, or Erased|Administrator Role Granted/;

test("sessions: are ranked by their findings and lead to the events", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  const by = (id: string, session: string) => ({
    actor: { type: "user", id, session },
    target: { type: "log", id: "l_1" },
  });
  log.record([
    ...events(3),
    { action: "log.disable", ...by(LONG, "s_1") },
    { action: "role.grant", ...by("u_9", "s_2"), after: { role: "admin" } },
    { action: "log.disable", ...by("u_9", "s_2") },
  ]);
  await trust(page, log.trust);
  await accepted(page, log.token);
  await verdict(page, "verified");
  await tab(page, "Sessions");
  const rows = (of: string) => page.locator(`[data-scores=${of}] tbody tr`);
  await rows("sessions").first().filter({ hasText: WHY }).waitFor();
  for (const [of, ids] of [
    ["sessions", ["s_2", "s_1"]],
    ["identities", ["u_9", LONG]],
  ] as const) {
    const heads = await rows(of).locator("th").allInnerTexts();
    assert.ok(
      ids.every((id, nth) => heads[nth]?.includes(id)) && heads.length === ids.length,
      heads.join(" "),
    );
    const scores = await rows(of).locator("td:nth-child(2) .number").allInnerTexts();
    assert.ok(Number(scores[0]) > Number(scores[1]), scores.join(" "));
    const table = page.locator(`[data-scores=${of}] .table`);
    assert.equal(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), 0);
  }
  assert.deepEqual(await violations(page), []);
  await rows("sessions").first().getByRole("button", { name: WHY }).first().click();
  await page.locator("main[data-tab=search]").waitFor();
  await page.locator("cs-drawer .found-why", { hasText: WHY }).waitFor();
});

test("trust: a wrong trust file isn't green, and every section names its keys", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(3));
  const [own = "", emitter = ""] = log.trust.trim().split("\n");
  const stranger = log.run("keygen", "other.example/app", "--out", log.path("other.key"));
  const state = page.locator(".access-states [data-trust]");
  assert.equal(await state.getAttribute("data-trust"), "missing");
  await trust(page, `emitter ${stranger}\n`);
  assert.equal(await state.getAttribute("data-trust"), "unused");
  await accepted(page, log.token);
  await verdict(page, "untrusted");
  await page.locator(".access-states [data-trust=none]").waitFor();
  assert.match(await state.innerText(), /none of its keys signed this log/);
  const says = page.locator(".section-head .strip-body > p").first();
  assert.match(
    await page.locator(".section-head h2").first().innerText(),
    /, but the only key in pasted-trust\.txt did not sign this file\.$/,
  );
  assert.match(await says.innerText(), /^The trust file names other\.example\/app;/);
  await page.locator(".access > summary").click();
  for (const [text, result] of [
    [`${own}\nemitter ${stranger}\n`, "some"],
    [`${own}\n${emitter}\n`, "all"],
  ] as const) {
    await page.getByLabel("Trust file", { exact: true }).fill(text);
    await page.getByRole("button", { name: "Use it" }).click();
    await page.locator(`.access-states [data-trust=${result}]`).waitFor();
  }
  await verdict(page, "verified");
});

test("sections: all say the same scope and verdict, and none says verified without a trust file", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t, { hash: "" });
  log.record([
    ...events(8),
    { action: "log.disable", actor: { type: "user", id: "u_9" }, target: { type: "log", id: "l_1" } },
  ]);
  await accepted(page, log.token);
  await verdict(page, "untrusted");
  const head = page.locator("main .section-head");
  const covers =
    /^Covers 11 entries between entry 0 and entry 10 of the log log\.example\/audit \(9 events, recorded .*\d\), loaded .*\d:\d\d.*\. No trust file\.$/;
  await head.locator("time").waitFor();
  const sections = [
    "Search",
    "Findings",
    "Sessions",
    "Inventory",
    "Exposure",
    "Coverage",
    "Keys",
    "Witnesses",
  ];
  for (const name of ["Overview", ...sections]) {
    await tab(page, name);
    assert.match(await head.locator(".section-scope").innerText(), covers, name);
    assert.equal(
      await verdictIn(page, "untrusted").locator("h2").innerText(),
      "Unchanged since it was signed, but you don’t trust the signer’s key.",
      name,
    );
    assert.doesNotMatch(await page.locator("main").innerText(), /(?<!not )verified/i, name);
    assert.deepEqual(await violations(page), [], name);
  }
  // With the right keys, the verdict is shown; with unrelated keys, that none of them signed.
  await page.locator(".access > summary").click();
  await page.getByText("Paste a trust file").click();
  const stranger = log.run("keygen", "other.example/app", "--out", log.path("stranger.key"));
  for (const [text, says] of [
    [`emitter ${stranger}\n`, /, but the only key in pasted-trust\.txt did not sign this file/],
    [log.trust, /Verified\.[\s\S]*complete: all 11 entries of the log so far/],
  ] as const) {
    await page.getByLabel("Trust file", { exact: true }).fill(text);
    await page.getByRole("button", { name: "Use it" }).click();
    await verdictIn(page).filter({ hasText: says }).waitFor();
  }
  await head.locator(".section-scope", { hasText: "Covers all 11 entries of the log" }).waitFor();
  await head.locator(".section-scope", { hasText: "Trust file: pasted-trust.txt." }).waitFor();
  // The storage is only the log operator's claim.
  await tab(page, "Storage");
  assert.equal(await head.count(), 0);
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await head.locator(".section-scope", { hasText: "followed live" }).waitFor();
});

test("trust: a trust file is applied to the bytes already loaded", {
  skip,
}, async (t) => {
  const { log, page, requested } = await opened(t);
  log.record(events(20));
  await accepted(page, log.token);
  await verdict(page, "untrusted");
  const before = requested.filter(({ pathname }) => pathname === "/export").length;
  await page.locator(".access > summary").click();
  await trust(page, log.trust);
  await verdict(page, "verified");
  assert.equal(requested.filter(({ pathname }) => pathname === "/export").length, before);
  await page.getByLabel("Trust file", { exact: true }).fill("hello");
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByText("This isn’t a trust file").waitFor();
});

test("search: a search of the whole log changes neither what sections cover nor their verdict", {
  skip,
}, async (t) => {
  const { log, page, requested } = await opened(t);
  log.record(events(20));
  log.record(events(6, "user.invite"));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await found(page, "26 events");
  // The first verified state is the boundary of the next export.
  await page.waitForFunction(() => localStorage.getItem("countersign.seen/v1") !== null);
  await page.evaluate(() => {
    location.hash = "#tab=search&limit=3";
  });
  await found(page, "3 events");
  await verdict(page, "verified");
  const covered = await page.locator(".section-scope").innerText();
  const box = page.locator("countersign-viewer cs-query input");
  await box.fill("action:user.* actor:u_0");
  await page.getByRole("button", { name: "Search the whole log" }).click();
  const answer = page.locator("[data-found=partial]");
  await answer
    .getByText("In the whole log, the log searched for action:user.* actor:u_0: 2 events.")
    .waitFor();
  await found(page, "2 events");
  // The search is no verdict on the log.
  await verdict(page, "verified");
  assert.equal(await page.locator(".section-scope").innerText(), covered);
  assert.match(await answer.innerText(), /The log searched, so it could leave some out/);
  const last = requested.findLast(({ pathname }) => pathname === "/export");
  assert.equal(last?.searchParams.get("query"), "action:user.* actor:u_0");
  assert.equal(last?.searchParams.get("boundary"), "30");
  const hash = new URLSearchParams(new URL(page.url()).hash.slice(1));
  assert.deepEqual(
    [hash.get("group"), hash.get("tab"), hash.get("query"), hash.get("limit")],
    ["events", "search", "action:user.* actor:u_0", "3"],
  );
  // Other sections cover the same events as before, unless the reader chooses what was found.
  await tab(page, "Coverage");
  assert.match(await page.locator(".here").innerText(), /Events shown\s+3/);
  assert.equal(await page.locator(".section-scope").innerText(), covered);
  await page.getByLabel("the events that the log found").check();
  await page.locator(".here", { hasText: /Events shown\s*2/ }).waitFor();
  await page
    .locator(".section-scope", { hasText: "that match a search of the whole log: action:user.* actor:u_0" })
    .waitFor();
  await tab(page, "Search");
  await found(page, "2 events");
  assert.equal(await box.inputValue(), "action:user.* actor:u_0");
  await page.reload();
  await answer.waitFor();
  await found(page, "2 events");
  await page.evaluate(() => {
    location.hash = "#tab=search&limit=3&query=action:user.invite+actor:u_1";
  });
  await answer.getByText("actor:u_1: 1 event.").waitFor();
  await found(page, "1 event");
  assert.equal(await box.inputValue(), "action:user.invite actor:u_1");
  const { hash: fragment } = new URL(page.url());
  await page.getByRole("link", { name: "Search", exact: true }).click();
  assert.equal(new URL(page.url()).hash, fragment);
  // Another search is one of the loaded events again.
  await box.fill("action:user.invite");
  await found(page, "3 events");
  assert.equal(await page.locator("[data-found]").count(), 0);
  assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("query"), null);
  await page.getByRole("button", { name: "Search the whole log" }).click();
  await found(page, "6 events");
  await page.getByRole("button", { name: "Load the whole log" }).click();
  await page.locator(".section-scope", { hasText: "all 30 entries" }).waitFor();
});

test("search: sends neither an invalid query nor the previous one to the log", { skip }, async (t) => {
  const { log, page, requested } = await opened(t);
  log.record(events(20));
  await accepted(page, log.token);
  await page.evaluate(() => {
    location.hash = "#tab=search&limit=3";
  });
  await found(page, "3 events");
  const box = page.locator("countersign-viewer cs-query input");
  await box.fill("actor:u_0");
  const everywhere = page.getByRole("button", { name: "Search the whole log" });
  await everywhere.and(page.locator('[aria-disabled="false"]')).waitFor();
  const before = requested.filter(({ pathname }) => pathname === "/export").length;
  await box.fill("actor:u_0 since:xyz");
  await box.press("Enter");
  await everywhere.and(page.locator('[aria-disabled="true"]')).waitFor();
  await page.locator("#everywhere-help").getByText("can’t be read, so nothing is selected").waitFor();
  await everywhere.press("Enter");
  await page.locator('countersign-viewer cs-export [part=export][aria-disabled="true"]').waitFor();
  assert.equal(requested.filter(({ pathname }) => pathname === "/export").length, before);
});

test("search: reports invalid conditions before the request, and the log's errors after it", {
  skip,
}, async (t) => {
  const { log, page, requested } = await opened(t);
  log.record(events(2));
  await accepted(page, log.token);
  await row(page, "job.update");
  const count = requested.length;
  await page.getByText("Only some entries").click();
  await page.getByLabel("From entry").fill("ten");
  await page.getByRole("button", { name: "Load these" }).click();
  await page.getByText("Enter a whole number.").waitFor();
  await page.locator("#extent-from:focus").waitFor();
  assert.equal(requested.length, count);
  await page.evaluate(() => {
    location.hash = "#tab=search&query=actor:u_0+since:yesterday";
  });
  await page.locator("main .refused[data-status='400']").waitFor();
  assert.match(await page.locator("main .refused").innerText(), /The log says: .*time/s);
  await page.getByText("You searched the whole log for actor:u_0 since:yesterday").waitFor();
});

test("live: events appear in every tab as they arrive", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(4));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await row(page, "job.update");
  await verdict(page, "verified");
  log.record(events(3, "user.remove"));
  await row(page, "user.remove");
  await found(page, "7 events");
  await verdict(page, "verified");
  await tab(page, "Coverage");
  await page.getByLabel("the live view").check();
  await page.getByText("The live view continues in the background.").waitFor();
  const rows = page.getByRole("region", { name: "Checkpoints over time" }).getByRole("row");
  await rows.nth(2).waitFor();
  const count = await rows.count();
  log.record(events(1, "user.remove"));
  await rows.nth(count).waitFor();
  await tab(page, "Live");
  await found(page, "8 events");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Start again" }).waitFor();
  await row(page, "user.remove");
});

test("search: entries around a range verify keys granted in the log", {
  skip,
}, async (t) => {
  const { log, page, requested } = await opened(t);
  await log.grant();
  log.record(events(300));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await verdict(page, "verified");
  await page.locator(".extent select").selectOption({ label: "the newest 100 events" });
  await page.getByRole("button", { name: "Load again" }).click();
  await page.getByText("complete: all 101 entries from entry").first().waitFor();
  await page.getByRole("button", { name: "Search the whole log" }).waitFor({ state: "detached" });
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByText("complete: all 201 entries from entry").first().waitFor();
  log.record(events(2, "config.update"));
  await row(page, "config.update");
  await verdict(page, "verified");
  const bundles = requested.filter(({ pathname }) => pathname.startsWith("/tile/entries/"));
  assert.ok(bundles.length > 0 && bundles.length < 6, `${bundles.length}`);
});

test("live: an empty log says so and is followed from its first event", { skip }, async (t) => {
  const { log, page } = await opened(t);
  await accepted(page, log.token);
  await page.getByText("This log is empty").waitFor();
  await tab(page, "Live");
  // Its first event may arrive before the stream opens.
  const record = (route: Route) => {
    log.record(events(2));
    return route.continue();
  };
  await page.route("**/stream?*", record, { times: 1 });
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await row(page, "job.update");
});

test("live: a changed history raises an alarm that stays", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(6));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await verdict(page, "verified");
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await row(page, "job.update");
  await log.replace();
  // With fewer entries than before, and with more.
  await page.locator(".alarms .alarm[role=alert]").waitFor();
  log.record(events(9, "job.other"));
  await tab(page, "Storage");
  assert.equal(await page.locator(".alarms .alarm").count(), 1);
  const pin = page.waitForEvent("download");
  await page.locator(".alarms .alarm button").last().click();
  assert.match((await pin).suggestedFilename(), /pin/);
});

test("alarm: an alarm caused by the trust file lasts until the trust file changes", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(3));
  const witness = log.run("keygen", "witness.example", "--witness", "--out", log.path("witness.key"));
  await trust(page, `${log.trust}witness w ${witness}\nquorum w\n`);
  await accepted(page, log.token);
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.locator(".alarms .alarm").waitFor();
  await page.locator(".access > summary").click();
  await page.getByLabel("Trust file", { exact: true }).fill(log.trust);
  await page.getByRole("button", { name: "Use it" }).click();
  await verdict(page, "verified");
  assert.equal(await page.locator(".alarms .alarm").count(), 0);
});

test("trust: every tab reports an unusable trust file", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(3));
  await trust(page, "quorum nobody\n");
  await accepted(page, log.token);
  for (const name of ["Coverage", "Keys", "Witnesses"]) {
    await tab(page, name);
    await page.getByText("There is no result").waitFor();
    await page.locator(".section-head .strip[role=alert]", { hasText: "trust.invalid" }).waitFor();
  }
});

test("memory: detects a log replaced since the last visit", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(6));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await verdict(page, "verified");
  await log.replace();
  log.record(events(9, "job.other"));
  await page.getByRole("button", { name: "Load again" }).click();
  await page.locator(".alarms .alarm").waitFor();
  await verdict(page, "altered");
});

test("memory: compares a log that hides its checkpoint with the remembered state", {
  skip,
}, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(6));
  await trust(page, log.trust);
  await accepted(page, log.token);
  await verdict(page, "verified");
  await log.replace();
  log.record(events(9, "job.other"));
  await page.route("**/checkpoint", (route) => route.fulfill({ status: 503, body: "" }));
  await page.reload();
  await page.locator(".alarms .alarm").waitFor();
  await verdict(page, "altered");
});

test("live: retries a log that stopped, and says so", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(2));
  await accepted(page, log.token);
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await row(page, "job.update");
  const { host } = new URL(log.url);
  await log.stop();
  await page.locator(".live-line[data-state=lost]").waitFor();
  await tab(page, "Storage");
  await page.locator("main .refused").waitFor();
  assert.match(await page.locator("main .refused").innerText(), /did not answer/);
  await log.begin(host);
  log.record(events(1, "job.back"));
  await tab(page, "Live");
  await page.locator(".live-line[data-state=following]").waitFor();
  await row(page, "job.back");
});

test("tabs: keys, witnesses, and storage name their facts and sources", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(3));
  await tab(page, "Keys");
  await page.getByText("Nothing has been loaded yet").waitFor();
  await page.getByRole("button", { name: "Enter a token" }).click();
  await page.locator("#token:focus").waitFor();
  await trust(page, log.trust);
  await accepted(page, log.token);
  const signer = page.locator("[data-trust=trust_file]");
  await signer.waitFor();
  assert.match(await signer.innerText(), /log\.example\/app/);
  await tab(page, "Witnesses");
  await page.getByText("Your trust file names no witness.").waitFor();
  await tab(page, "Storage");
  await page.locator("[data-healthy=true]").waitFor();
  const main = page.getByRole("main");
  for (const text of [
    /Not verified: the operator’s claim/i,
    /Entries stored\s*5/,
    /Submissions answered\s*taken 1/,
  ])
    await main.filter({ hasText: text }).waitFor();
  assert.equal((await main.innerText()).match(/no witness responded/g)?.length, 1);
  // The section is still visible on a phone that is turned.
  await page.setViewportSize({ width: 390, height: 844 });
  await page.waitForFunction(() => {
    const chosen = document.querySelector(".tabs [aria-current]")?.getBoundingClientRect();
    return chosen !== undefined && chosen.left >= 0 && chosen.right <= innerWidth;
  });
  await page.getByText("All metrics").click();
  await page.getByRole("rowheader", { name: "countersign_log_size" }).waitFor();
});

for (const [colorScheme, width] of [
  ["light", 1200],
  ["dark", 320],
] as const) {
  test(`accessibility: axe finds nothing, ${colorScheme} and ${width} px wide`, { skip }, async (t) => {
    const { log, page } = await opened(t, { colorScheme, width });
    log.record(events(8));
    const check = async (name: string) => {
      assert.deepEqual(await violations(page), [], name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(wide, false, `${name} is wider than the window`);
    };
    await check("first");
    await enter(page, "ct_wrong");
    await page.locator(".refused").waitFor();
    await check("refused");
    await trust(page, log.trust);
    await accepted(page, log.token);
    await row(page, "job.update");
    await check("search");
    await tab(page, "Live");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await row(page, "job.update");
    await check("live");
    const sections = ["Ask", "Findings", "Sessions", "Inventory", "Exposure"];
    for (const name of [...sections, "Coverage", "Keys", "Witnesses", "Evidence", "Storage"]) {
      await tab(page, name);
      await page.locator("main section, main > .buttons").first().waitFor();
      await check(name);
    }
    await page.getByRole("button", { name: "Deutsch" }).click();
    await page.getByText("Angabe des Betreibers, ungeprüft").waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    await check("German");
    await page.getByRole("button", { name: "English" }).click();
  });
}

test("keyboard: operates everything", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record(events(4));
  await page.locator("#token").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(".skip:focus").count(), 1);
  for (let pressed = 0; pressed < 12 && (await page.locator("#token:focus").count()) === 0; pressed += 1)
    await page.keyboard.press("Tab");
  await page.keyboard.type(log.token);
  await page.keyboard.press("Enter");
  await page.locator(".access > summary:focus").waitFor();
  await row(page, "job.update");
  for (let pressed = 0; pressed < 3; pressed += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("main[data-tab=findings]").waitFor();
  assert.equal(new URL(page.url()).hash, "#group=detection&tab=findings");
  // The sections of the group follow its link.
  await page.locator(".tabs a:focus").waitFor();
  for (let pressed = 0; pressed < 4; pressed += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator("main[data-tab=sessions]").waitFor();
  await page.goBack();
  await page.goBack();
  await page.locator("main[data-tab=search]").waitFor();
});

test("policy: allows connections to the log alone and no text as code", { skip }, async (t) => {
  const { log, page } = await opened(t);
  log.record([
    {
      action: "<img src=x onerror=alert(1)>",
      actor: { type: "user", id: "u\u202e1", name: "<script>alert(1)</script>" },
    },
  ]);
  await accepted(page, log.token);
  await row(page, "<img src=x onerror=alert(1)>");
  const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
  assert.match(policy ?? "", /default-src 'none'.*connect-src 'self'.*require-trusted-types-for 'script'/);
});
