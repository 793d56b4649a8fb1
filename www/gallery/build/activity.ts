import { createHash } from "node:crypto";
import { recorded, withoutHeader } from "../../scripts/sample.mjs";

const PEOPLE = [
  { type: "user", id: "u_ada", name: "Ada Okafor" },
  { type: "user", id: "u_lin", name: "Lin Zhao" },
  { type: "user", id: "u_sam", name: "Sam de Vries" },
  { type: "service", id: "svc_scheduler" },
] as const;
const ACTIONS = [
  "job.trigger",
  "job.trigger",
  "job.trigger",
  "job.update",
  "session.login",
  "session.login",
  "job.delete",
  "role.grant",
  "data.export",
] as const;
const JOBS = ["nightly-backup", "invoice-run", "search-reindex", "certificate-check", "report-mail"] as const;
const EVENTS = 640;
const DAY = 24 * 60;

/** Events that imitate markup and other values. */
const HOSTILE = [
  {
    action: "<img src=x onerror=alert(1)>",
    actor: { id: "<script>alert(1)</script>" },
    target: { type: "job", id: "javascript:alert(1)" },
  },
  {
    action: "user.delete",
    actor: { id: "admin\u202egnp.exe", name: "\u2066\u200badmin\u2069" },
    target: { type: "user", id: "u_1" },
  },
  { action: "data.export", actor: { id: "p\u0430ypal" }, target: { type: "file", id: "x".repeat(600) } },
];

/** Records an export like those of a small dashboard: who did what to which job, over two days. */
export async function recordActivity(): Promise<{ exported: string; trust: string }> {
  const usual = Array.from({ length: EVENTS }, (_, number) => eventAt(number)).sort(
    ([one], [other]) => one - other,
  );
  const chains = [
    await recorded("dashboard", usual),
    await recorded(
      "import",
      HOSTILE.map((event, number) => [2 * DAY + number, event] as const),
    ),
  ];
  const [first = "", ...others] = chains.map(({ lines }) => lines);
  return {
    exported: first + others.map(withoutHeader).join(""),
    trust: chains.map(({ vkey }) => `emitter ${vkey}\n`).join(""),
  };
}

/** Returns the minute of an event and the event. Most events happen by day. */
function eventAt(number: number): readonly [number, Record<string, unknown>] {
  const action = ACTIONS[draw(`action ${number}`, ACTIONS.length)] ?? ACTIONS[0];
  const job = draw(`job ${number}`, JOBS.length);
  const fails = draw(`outcome ${number}`, 9) === 0;
  const isLogin = action === "session.login";
  const day = number % 2;
  const hour = (draw(`hour ${number}`, 9) + draw(`later ${number}`, 9)) * 60;
  return [
    day * DAY + hour + draw(`minute ${number}`, 60),
    {
      action,
      actor: PEOPLE[draw(`actor ${number}`, isLogin ? 3 : PEOPLE.length)],
      ...(!isLogin && { target: { type: "cron_job", id: `job_${job}`, name: JOBS[job] } }),
      ...(!(fails || draw(`known ${number}`, 14) === 0) && { outcome: "success" }),
      ...(fails && { outcome: "failure", reason: isLogin ? "wrong password" : "exit status 1" }),
      ...(!fails && draw(`known ${number}`, 14) === 0 && { outcome: "unknown" }),
      ...(action === "job.update" && {
        before: { retries: 1, schedule: "0 4 * * *", owner: "u_ada" },
        after: { retries: 3, schedule: "0 5 * * *", tags: ["prod", "night"] },
      }),
      context: { ip: `198.51.100.${draw(`ip ${number}`, 40)}` },
      tenant: draw(`tenant ${number}`, 3) === 0 ? "acme-labs" : "acme",
    },
  ];
}

/** Returns a pseudorandom number that depends only on the text. */
function draw(text: string, below: number): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) % below;
}
