/** What TypeScript must know without the DOM library, beside Node.js's types: compiled against the tarball, never run. */

import { createRecorder, type Handle, memory } from "countersign";
import { withCountersign } from "countersign/cloudflare";
import { auditFetch } from "countersign/fetch";
import { recording } from "countersign/host";
import { createIssuer } from "countersign/issuer";
import { auditHttp, closeOnSignals, fileOutbox } from "countersign/node";
import { type Report, verify } from "countersign/verify";
import { createVerifier } from "countersign/verify/host";

const audit = await createRecorder({ key: "", to: "https://log.example", log: "", outbox: fileOutbox("outbox") });
export const handle: Handle = audit.record({ action: "job.delete", actor: { id: "u_1" } });
export const answering: (request: Request) => Promise<Response> = auditFetch(audit, () => new Response("ok"));
closeOnSignals(audit);
auditHttp(audit);

const { report } = await verify(new Uint8Array(), { trust: "", signal: AbortSignal.timeout(1000) });
export const shown: Report["verdict"] = report.verdict;

// @ts-expect-error: an event needs its action
audit.record({ actor: { id: "u_1" } });
// @ts-expect-error: without a page there are none of its names
document.createElement("p");

export { createIssuer, createVerifier, memory, recording, withCountersign };
