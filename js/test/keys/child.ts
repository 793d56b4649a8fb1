/** An issuer in its own process: handles one grant request, and prints the response. */

import { createIssuer } from "../../packages/countersign/dist/keys/issuer.js";

const [key = "", to = "", log = "", signed = ""] = process.argv.slice(2);
const handler = createIssuer({ key, to, log }).handler({ authorize: () => ({ ttlMs: 60_000 }) });
const answer = await handler(
  new Request("https://app.example/audit/grant", {
    method: "POST",
    headers: { "content-type": "application/json", origin: "https://app.example" },
    body: JSON.stringify({ request: signed }),
  }),
);
console.log(JSON.stringify({ status: answer.status, body: await answer.json() }));
