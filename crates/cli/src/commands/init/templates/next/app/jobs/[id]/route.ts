import { audited } from "../../../audit";

export const DELETE = audited(async (request, { params }, audit) => {
  audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: (await params).id } });
  return new Response("deleted\n");
});
