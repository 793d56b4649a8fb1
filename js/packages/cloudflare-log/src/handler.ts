/** The Worker in front of a log. */

import { ownFields } from "@countersign/shared/own.js";
import { sleep } from "@countersign/shared/timers.js";
import { keyOf } from "./copies.js";
import { clientOf, Entrance } from "./entrance.js";
import type { LogEnv, LogNamespace } from "./platform.js";
import { busy, notFound, unavailable } from "./responses.js";
import { keys } from "./settings.js";

/** Options of `logHandler`. */
export interface LogHandlerOptions<Env extends LogEnv> {
  /**
   * Returns the origin of the log that a request is for.
   *
   * @default the single log whose key is in the environment
   * @example
   * ```ts
   * log: (request) => `${new URL(request.url).hostname}/audit`
   * ```
   */
  log?: (request: Request, env: Env) => string | undefined;
}

/** Matches the path of a full tile or bundle. */
const FULL = /^\/(tile\/(?:entries|[0-9]+)\/(?:x[0-9]{3}\/)*[0-9]{3})$/;

/** The headers of a tile, the same as in the log server (crates/log/src/api/tiles.rs). */
const HEADERS = {
  "content-type": "application/octet-stream",
  "cache-control": "public, max-age=31536000, immutable",
  "x-content-type-options": "nosniff",
  vary: "origin",
};

/**
 * Returns a Worker's handler that forwards requests to their log. Full tiles and bundles are served from their copies
 * in R2 without waking the log.
 *
 * @example
 * ```ts
 * export default logHandler();
 * ```
 */
export function logHandler<Env extends LogEnv = LogEnv>(
  options: LogHandlerOptions<Env> = {},
): {
  fetch(request: Request, env: Env): Promise<Response>;
} {
  const { log } = ownFields(options, ["log"]);
  const entrance = new Entrance();
  return {
    async fetch(request, env) {
      try {
        const [only, ...others] = log === undefined ? keys(env).keys() : [log(request, env)];
        const origin = others.length === 0 ? only : undefined;
        if (origin === undefined) {
          return notFound(request, env.AUDIT_CORS ?? "");
        }
        const id = env.LOG.idFromName(origin);
        const object = env.LOG.get(id);
        return (await copied(request, env, origin)) ?? (await forward(request, env, object, entrance));
      } catch (error) {
        console.error("countersign:", error);
        return unavailable(request, env.AUDIT_CORS ?? "");
      }
    },
  };
}

/** Forwards a request to the log. Rejections wait here, where they block nothing else. */
async function forward(
  request: Request,
  env: LogEnv,
  object: ReturnType<LogNamespace["get"]>,
  entrance: Entrance,
): Promise<Response> {
  const client = clientOf(request);
  if (entrance.turnsAway(client, Date.now())) {
    return busy(request, env.AUDIT_CORS ?? "", entrance.roomIn(Date.now()));
  }
  const answer = await entrance.during(client, () => object.fetch(request));
  const wait = answer.status < 400 ? 0 : entrance.wait(client, Date.now());
  if (wait === 0) {
    return answer;
  }
  // The log has finished the request.
  const body = await answer.arrayBuffer();
  await sleep(wait);
  return new Response(body, answer);
}

/** Returns a copied tile. Requests with an origin go to the log, which knows the allowed ones. */
async function copied(request: Request, env: LogEnv, origin: string): Promise<Response | undefined> {
  const [, path] = FULL.exec(new URL(request.url).pathname) ?? [];
  if (env.TILES === undefined || path === undefined || request.method !== "GET" || request.headers.has("origin")) {
    return undefined;
  }
  const tile = await env.TILES.get(keyOf(origin, path)).catch(() => null);
  return tile === null ? undefined : new Response(tile.body, { headers: HEADERS });
}
