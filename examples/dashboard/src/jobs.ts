/** The dashboard's subject: jobs to run, pause, and delete. They only exist in this page. */

import type { AuditEvent } from "countersign";
import { el, icon } from "./dom.ts";
import type { Session } from "./session.ts";

interface Job {
  readonly id: string;
  readonly name: string;
  readonly schedule: string;
  isPaused: boolean;
}

/** Returns the panel with the jobs, whose actions are recorded. */
export function jobsPanel(user: Session["user"], record: (event: AuditEvent) => void): HTMLElement {
  let jobs: Job[] = [
    { id: "1", name: "nightly-backup", schedule: "every day at 02:00", isPaused: false },
    { id: "2", name: "invoice-run", schedule: "first of the month", isPaused: false },
    { id: "3", name: "search-reindex", schedule: "every hour", isPaused: true },
    { id: "4", name: "certificate-check", schedule: "every 15 minutes", isPaused: false },
  ];
  const list = el("ul", { class: "jobs" });
  const heading = el("h2", { id: "jobs", tabindex: "-1" }, "Scheduled jobs");
  const none = el("p", { class: "empty", hidden: true }, "No jobs left. Reload the page to restore them.");

  const did = (action: string, job: Job, more: Partial<AuditEvent> = {}) =>
    record({ action, actor: user, target: { type: "job", id: job.id, name: job.name }, ...more });

  const row = (job: Job): HTMLElement => {
    const state = el("span", { class: "schedule" });
    const pause = el("button", { type: "button", click: () => toggle() });
    const show = () => {
      state.textContent = job.isPaused ? `Paused · ${job.schedule}` : `Runs ${job.schedule}`;
      pause.replaceChildren(
        icon(job.isPaused ? "run" : "pause"),
        job.isPaused ? "Resume" : "Pause",
        el("span", { class: "sr" }, ` ${job.name}`),
      );
    };
    const toggle = () => {
      job.isPaused = !job.isPaused;
      did("job.update", job, { before: { paused: !job.isPaused }, after: { paused: job.isPaused } });
      show();
    };
    const run = el(
      "button",
      { type: "button", class: "primary", click: () => did("job.trigger", job) },
      icon("run"),
      "Run",
      el("span", { class: "sr" }, ` ${job.name}`),
    );
    const remove = el(
      "button",
      { type: "button", "aria-label": `Delete ${job.name}`, title: "Delete", class: "square", click: () => drop() },
      icon("remove"),
    );
    const item = el(
      "li",
      {},
      el("div", {}, el("h3", {}, job.name), state),
      el("div", { class: "buttons" }, run, pause, remove),
    );
    const drop = () => {
      did("job.delete", job);
      jobs = jobs.filter((other) => other !== job);
      item.remove();
      none.hidden = jobs.length > 0;
      heading.focus();
    };
    show();
    return item;
  };

  list.append(...jobs.map(row));
  return el("section", { class: "panel", "aria-labelledby": "jobs" }, heading, list, none);
}
