/** Returns a typical event. */
export const event = (nth) => ({
  action: "job.update",
  actor: { id: `u_${nth % 977}`, name: "Zoë Example", type: "user" },
  target: { type: "cron_job", id: `${nth % 10_007}` },
  tenant: `t_${nth % 31}`,
  context: {
    ip: `192.0.2.${nth % 251}`,
    user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
    request_id: `${nth}`.padStart(16, "0"),
  },
  before: { enabled: true, schedule: "@hourly" },
  after: { enabled: nth % 3 === 0, schedule: `*/${(nth % 59) + 1} * * * *` },
  metadata: { note: "n".repeat(40) },
});
