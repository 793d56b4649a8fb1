import { memory } from "countersign";
import { auditNext } from "countersign/next";
import { after } from "next/server";

const to = memory();
const key = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
// Only by `after` anything is delivered.
const audited = auditNext(() => ({ key, origin: "log.example/audit", to, flush: false }), { after });

export const dynamic = "force-dynamic";

export const POST = audited(async (_request, _context, audit) => {
  audit.record({ action: "job.delete", actor: { id: "u_1" } });
  return new Response(to.text() === "" ? "nothing yet" : "delivered before the answer");
});

export const GET = () => new Response(to.text());
