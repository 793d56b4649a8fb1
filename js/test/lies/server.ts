/** The HTTP interface of a log server, as far as the clients need it (SPEC sections 6 and 16). */

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { answerOf } from "./answers.ts";
import type { Entry } from "./chain.ts";
import { exportOf } from "./export.ts";
import { growthProofs, ticksFrom } from "./growth.ts";
import type { OperatorLog } from "./log.ts";
import { resourceOf } from "./tiles.ts";

/** A response: its status, and its body. */
type Answer = readonly [status: number, body: string | Buffer];

const NOT_FOUND: Answer = [404, JSON.stringify({ error: { code: "http.not_found", message: "nothing is here" } })];

export interface RunningServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a log on a free port. */
export async function serve(log: OperatorLog): Promise<RunningServer> {
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const [status, answer] = respond(log, request.method ?? "", new URL(request.url ?? "", "http://log.example"), body);
    response.writeHead(status).end(answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const bytes = Buffer.concat(await request.toArray());
  const decompress = { gzip: gunzipSync, zstd: zstdDecompressSync }[request.headers["content-encoding"] ?? ""];
  return (decompress?.(bytes) ?? bytes).toString();
}

function respond(log: OperatorLog, method: string, { pathname, searchParams }: URL, body: string): Answer {
  const from = searchParams.get("from");
  switch (`${method} ${pathname}`) {
    case "GET /checkpoint":
      return [200, log.checkpoint(log.visibleTick)];
    case "GET /growth":
      return [200, ticksFrom(log, from === null ? undefined : Number(from))];
    case "POST /growth":
      return [200, growthProofs(log, body)];
  }
  const ofTenant = `/t/${log.id}/`;
  const isTenant = pathname.startsWith(ofTenant);
  const path = pathname.slice(isTenant ? ofTenant.length : 1);
  if (path.startsWith("tile/")) {
    const resource = resourceOf(log, path, isTenant ? log.visibleTick : undefined);
    return resource === undefined ? NOT_FOUND : [200, resource];
  }
  const since = searchParams.get("since");
  switch (isTenant && `${method} ${path}`) {
    case "GET head":
      return [
        200,
        since === null ? log.headProof(log.visibleTick) : JSON.stringify(answerOf(log, log.visibleTick, [], since)),
      ];
    case "GET export":
      return [200, exportOf(log, log.visibleTick)];
    case "POST submit":
      return submit(log, body, since);
  }
  return NOT_FOUND;
}

/** Accepts links, and answers with the next tick that the client may see, or with an older one if there is none. */
function submit(log: OperatorLog, body: string, since: string | null): Answer {
  const entries = entriesOf(body);
  const { state } = log.tickAt(log.visibleTick).history;
  if (state !== "live") {
    return [410, JSON.stringify({ error: { code: "log.ended", message: "the log has ended" } })];
  }
  log.add(entries);
  const before = log.visibleTick;
  for (let tries = 0; tries < 2 && log.visibleTick === before; tries++) {
    log.tick();
  }
  const links = entries.map(({ link }) => link);
  return [200, JSON.stringify(answerOf(log, log.visibleTick, links, since))];
}

function entriesOf(body: string): Entry[] {
  const lines = body.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const { link, salt, event } = JSON.parse(line);
    return { link, ...(event !== undefined && { salt, event: JSON.stringify(event) }) };
  });
}
