/** One customer's live view of a real log server with tenants, through a dashboard that forwards requests. */

import assert from "node:assert/strict";
import { type ClientRequest, request } from "node:http";
import { after, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { PROGRAM } from "../conformance/program.ts";
import { type Tenant, TenantServer } from "../tenants/server.ts";
import { type Answer, Site } from "./site.ts";

const skip = PROGRAM === undefined && "there is no program: cargo build -p countersign-cli";

const site = await Site.start();
after(() => site.stop());

const ELEMENT = `<countersign-viewer src="/export" trust="/trust.txt" live></countersign-viewer>`;

/** Shown while a verified log has this many entries. */
const complete = (page: Page, entries: number) =>
  page.getByText(new RegExp(`complete: all ${entries} entries of this customer’s log, from .* on, nothing missing`));

/** Starts a server with two customers. */
async function started(t: TestContext) {
  const server = await TenantServer.start({});
  t.after(() => server.close());
  return { server, acme: await server.addWithToken("acme"), globex: await server.addWithToken("globex") };
}

/** Forwards the site's requests to a tenant's log, as its dashboard does, and returns a function that cuts them. */
function forward(server: TenantServer, { path, token }: Tenant, trust: string): () => void {
  const open = new Set<ClientRequest>();
  site.answers.set("/trust.txt", trust);
  const answer: Answer = (incoming, response) => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    for (const name of ["accept", "last-event-id"]) {
      const value = incoming.headers[name];
      if (typeof value === "string") {
        headers[name] = value;
      }
    }
    const outgoing = request(`${server.url}${path}${incoming.url}`, { headers }, (log) => {
      response.writeHead(log.statusCode ?? 500, { "content-type": log.headers["content-type"] });
      log.pipe(response);
      log.on("error", () => response.destroy());
    });
    open.add(outgoing);
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    outgoing.on("close", () => open.delete(outgoing));
    outgoing.end();
  };
  site.answers.set("/export", answer);
  site.answers.set("/stream", answer);
  return () => {
    for (const outgoing of open) {
      outgoing.destroy();
    }
  };
}

/** Opens the customer's view, and collects its verdicts. */
async function follow(element = ELEMENT) {
  const tab = await site.open(element);
  await tab.page.evaluate(() => {
    const verdicts: string[] = [];
    Object.assign(globalThis, { verdicts });
    document.addEventListener("countersign-report", (event) =>
      verdicts.push((event as CustomEvent).detail.report.verdict),
    );
  });
  const verdicts = () =>
    tab.page.evaluate(() => [...new Set((globalThis as unknown as { verdicts: string[] }).verdicts)]);
  return { ...tab, verdicts };
}

const events = (count: number, action = "job.update") =>
  Array.from({ length: count }, (_, number) => ({
    action,
    actor: { type: "user", id: `u_${number % 3}`, name: ["Ada", "Ben", "Cem"][number % 3] },
    target: { type: "cron_job", id: `${40 + number}` },
  }));

for (const src of ["/export", "/stream?from=0"]) {
  test(`tenants: ${src} stays green while all customers record, and after a cut and a restart`, { skip }, async (t) => {
    const { server, acme, globex } = await started(t);
    await server.record(acme, events(4));
    const cut = forward(server, acme, acme.trust);
    const { page, verdicts, close } = await follow(ELEMENT.replace("/export", src));
    await complete(page, 6).waitFor();
    await page.getByText("Following the log").waitFor();

    for (let round = 0; round < 3; round += 1) {
      await Promise.all([server.record(acme, events(2)), server.record(globex, events(5, "globex.secret"))]);
    }
    await complete(page, 18).waitFor();

    cut();
    await page.getByText("Connection lost").waitFor();
    await page.getByText("Following the log").waitFor();
    await server.record(acme, events(1));
    await complete(page, 21).waitFor();

    await server.restart();
    await page.getByText("Connection lost").waitFor();
    await server.record(acme, events(1, "after.restart"));
    await complete(page, 24).waitFor();
    await page.locator("cs-rows [role=row]", { hasText: "after.restart" }).waitFor();

    assert.deepEqual(await verdicts(), ["verified"]);
    assert.equal(await page.getByRole("alert").filter({ hasText: "Alarm" }).count(), 0);
    assert.equal(await page.getByText("globex.secret").count(), 0);
    await close();
  });
}

for (const src of ["/export", "/stream"]) {
  test(`tenants: ${src} of a customer without entries waits for the first one`, { skip }, async (t) => {
    const { server, acme, globex } = await started(t);
    forward(server, acme, acme.trust);
    const { page, verdicts, close } = await follow(ELEMENT.replace("/export", src));
    await page.getByText("Nothing to check: the log was empty.").waitFor();
    await page.getByText("Following the log").waitFor();
    await server.record(globex, events(1));
    await server.record(acme, events(1));
    await complete(page, 3).waitFor();
    assert.deepEqual((await verdicts()).sort(), ["not_checked", "verified"]);
    assert.equal(await page.getByRole("alert").filter({ hasText: "Alarm" }).count(), 0);
    await close();
  });
}

test("tenants: another customer's log or token isn't green", { skip }, async (t) => {
  const { server, acme, globex } = await started(t);
  await server.record(globex, events(1));
  forward(server, globex, acme.trust);
  const swapped = await follow();
  await swapped.page.locator("[data-verdict=broken]").waitFor();
  assert.deepEqual(await swapped.verdicts(), ["broken"]);
  await swapped.page.getByText("The page may have been set up for another log").waitFor();
  await swapped.close();

  forward(server, { ...acme, token: globex.token }, acme.trust);
  const refused = await follow();
  await refused.page.getByText("request.not_found").waitFor();
  await refused.close();
});
