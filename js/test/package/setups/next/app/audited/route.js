import { audited, to } from "./recorder.js";

export const dynamic = "force-dynamic";

export const POST = audited(async (_request, _context, audit) => {
  audit.record({ action: "job.delete", actor: { id: "u_1" } });
  return new Response(to.text() === "" ? "nothing yet" : "delivered before the answer");
});

export const GET = () => new Response(to.text());
