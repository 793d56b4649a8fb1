import { createServer } from "node:http";
import { createRecorder } from "countersign";
import { closeOnSignals, fileOutbox } from "countersign/node";

// Reads AUDIT_KEY, AUDIT_URL, and AUDIT_LOG. Events wait in the outbox until the log has them.
const audit = createRecorder({ outbox: fileOutbox("audit.outbox") });

const server = createServer((request, response) => {
  const [, id] = /^\/jobs\/([\w-]+)$/.exec(request.url) ?? [];
  if (request.method !== "DELETE" || id === undefined) {
    response.writeHead(404).end("not found\n");
    return;
  }
  audit.record({ action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id } });
  response.end("deleted\n");
});

server.listen(Number(process.env.PORT ?? 3000));
closeOnSignals(audit, { first: () => new Promise((closed) => server.close(closed)) });
