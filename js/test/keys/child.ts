/** An issuer in a process: it answers one request for a grant, and says the answer. */

import { createIssuer } from "../../packages/countersign/dist/keys/issuer.js";

const [key = "", to = "", log = "", vkey = ""] = process.argv.slice(2);
const handler = createIssuer({ key, to, log }).handler({ authorize: () => ({ ttlMs: 60_000 }) });
const answer = await handler(
  new Request("https://app.example/audit/grant", {
    method: "POST",
    headers: { "content-type": "application/json", origin: "https://app.example" },
    body: JSON.stringify({ vkey }),
  }),
);
console.log(JSON.stringify({ status: answer.status, body: await answer.json() }));
