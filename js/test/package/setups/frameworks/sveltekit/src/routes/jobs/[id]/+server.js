export function DELETE({ locals, params }) {
  locals.audit.record({ action: "job.delete", target: { type: "job", id: params.id } });
  return new Response("deleted");
}
