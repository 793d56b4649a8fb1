import { Audit } from "./audit.ts";
import { Delivery, notice, sentence } from "./delivery.ts";
import { el } from "./dom.ts";
import { jobsPanel } from "./jobs.ts";
import { Log } from "./log.ts";
import { loadSession } from "./session.ts";
import { Trail } from "./trail.ts";

const who = el("p", { class: "user" });
const page = el(
  "main",
  { class: "page" },
  el(
    "header",
    {},
    el("div", {}, el("p", { class: "brand" }, "countersign example"), el("h1", {}, "Job dashboard")),
    who,
  ),
);
document.body.append(page);

try {
  const session = await loadSession();
  const audit = new Audit();
  await audit.start(session);
  const log = new Log();
  const trail = new Trail();
  const delivery = new Delivery(audit);
  const show = () => delivery.show(trail.show(audit.clicks, audit.status, log));
  audit.onChange = show;
  log.onChange = show;
  log.start(session.trust);
  who.append("Signed in as ", el("strong", {}, session.user.name));
  const jobs = jobsPanel(session.user, (event) => audit.record(event));
  page.append(el("div", { class: "columns" }, el("div", { class: "column" }, jobs, delivery.element), trail.element));
  show();
} catch (error) {
  const { message, hint } = error as { message: string; hint?: string };
  const told = notice("failed", "The dashboard cannot record", sentence({ message, hint }));
  page.append(el("div", { role: "alert" }, told));
  console.error(error);
}
