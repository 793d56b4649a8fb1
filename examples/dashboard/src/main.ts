import "@countersign/viewer";
import { Audit } from "./audit.ts";
import { Delivery, notice, sentence } from "./delivery.ts";
import { el } from "./dom.ts";
import { jobsPanel } from "./jobs.ts";
import { Progress } from "./progress.ts";
import { loadSession } from "./session.ts";

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
  const progress = new Progress(audit);
  const delivery = new Delivery(audit);
  const show = () => delivery.show(progress.tally());
  audit.onChange = show;
  // Shows the whole trail. The server adds the reader's token and provides the trust file.
  const trail = el("countersign-viewer", { src: "/api/stream", trust: "/api/trust", live: true });
  trail.addEventListener("countersign-report", ({ detail }) => {
    progress.update(detail.report);
    show();
  });
  who.append("Signed in as ", el("strong", {}, session.user.name));
  const jobs = jobsPanel(session.user, (event) => audit.record(event));
  page.append(
    el(
      "div",
      { class: "columns" },
      el("div", { class: "column" }, jobs, delivery.element),
      el("section", { class: "trail", "aria-labelledby": "trail" }, el("h2", { id: "trail" }, "Audit trail"), trail),
    ),
  );
  show();
} catch (error) {
  const { message, hint } = error as { message: string; hint?: string };
  const shown = notice("failed", "The dashboard can't record", sentence({ message, hint }));
  page.append(el("div", { role: "alert" }, shown));
  console.error(error);
}
