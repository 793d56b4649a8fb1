/** Servers of each framework with its usual static file server, with and without a gate. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { auditFetch, memory } from "countersign";
import { withCountersign } from "countersign/cloudflare";
import type { Gate } from "countersign/gate";
import { auditHono } from "countersign/hono";
import { auditKoa } from "countersign/koa";
import { auditLambda } from "countersign/lambda";
import { auditNext } from "countersign/next";
import { auditHttp } from "countersign/node";
import { auditHandle, type SvelteKitEvent } from "countersign/sveltekit";
import { createTestRecorder } from "countersign/testing";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

/** Starts a server of the files in a folder. Without a gate, nothing is recorded either. */
export type StaticServer = (folder: string, gate: Gate | undefined) => Promise<Server>;

const require = createRequire(new URL("../package/frameworks/package.json", import.meta.url));

/** Imports a package that is installed for the tests of frameworks. */
async function framework(name: string) {
  const found = await import(pathToFileURL(require.resolve(name)).href);
  return found.default ?? found;
}

async function listening(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

type Handler = (request: Request) => Response | Promise<Response>;

/** Serves a handler of `Request` and `Response` as Hono's server for Node.js does. */
async function served(fetch: Handler): Promise<Server> {
  const { serve } = await framework("@hono/node-server");
  return new Promise((resolve) => {
    const server: Server = serve({ fetch, port: 0, hostname: "127.0.0.1" }, () => resolve(server));
  });
}

/** Returns a handler of the files. */
async function filesOf(root: string): Promise<Handler> {
  const { Hono } = await import("hono");
  const { serveStatic } = await framework("@hono/node-server/serve-static");
  const app = new Hono();
  app.use("/*", serveStatic({ root }));
  return (request) => app.fetch(request);
}

/** Options of a recorder in memory, for adapters that create one. */
const inMemory = () => ({ key: EMITTERS[0].secret, origin: ORIGIN, to: memory() });

/** The name of a file as programs that decode a path find it. */
const decoded = (path: string) => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};

async function expressServer(express: () => never, folder: string, gate: Gate | undefined): Promise<Server> {
  const app = express() as { use(handler: unknown): void } & RequestListener;
  if (gate !== undefined) {
    app.use(auditHttp(await createTestRecorder(), { gate }));
  }
  app.use((express as unknown as { static(folder: string): unknown }).static(folder));
  return listening(app);
}

/** Servers by the name of the adapter and of the static file server. */
export const STATIC_SERVERS: Readonly<Record<string, StaticServer>> = {
  "auditHttp, Express 5, express.static": async (folder, gate) =>
    expressServer((await import("express")).default as never, folder, gate),

  "auditHttp, Express 4 (as in NestJS), express.static": async (folder, gate) =>
    expressServer(await framework("express-4"), folder, gate),

  "auditHttp, Express 4, a handler of all paths": async (folder, gate) => {
    const app = (await framework("express-4"))();
    // Express would print errors in paths.
    app.set("env", "test");
    if (gate !== undefined) {
      app.use(auditHttp(await createTestRecorder(), { gate }));
    }
    const files = (await framework("express-4")).static(folder);
    app.get("/*", (request: { url: string; params: string[] }, response: unknown, next: () => void) => {
      // The parameter is decoded.
      request.url = `/${request.params[0]}`.split("/").map(encodeURIComponent).join("/");
      files(request, response, next);
    });
    return listening(app);
  },

  "auditHttp, Express 5 with a mounted router, express.static": async (folder, gate) => {
    const express = (await import("express")).default;
    const app = express();
    const router = express.Router();
    if (gate !== undefined) {
      router.use(auditHttp(await createTestRecorder(), { gate }));
    }
    router.use(express.static(folder));
    app.use("/", router);
    return listening(app);
  },

  "auditHttp, Fastify, @fastify/static": async (root, gate) => {
    const app = (await import("fastify")).default();
    if (gate !== undefined) {
      app.addHook("onRequest", auditHttp(await createTestRecorder(), { gate }));
    }
    await app.register(await framework("@fastify/static"), { root });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return app.server;
  },

  "auditHttp, node:http, sirv": async (folder, gate) => {
    const files = (await framework("sirv"))(folder, { dev: true });
    const handle = (request: IncomingMessage, response: ServerResponse) =>
      files(request, response, () => void response.writeHead(404).end());
    if (gate === undefined) {
      return listening(handle);
    }
    const audited = auditHttp(await createTestRecorder(), { gate });
    return listening((request, response) => audited(request, response, () => handle(request, response)));
  },

  "auditKoa, koa-static": async (folder, gate) => {
    const Koa = await framework("koa");
    const app = new Koa();
    app.silent = true;
    if (gate !== undefined) {
      app.use(auditKoa(await createTestRecorder(), { gate }));
    }
    app.use((await framework("koa-static"))(folder));
    return listening(app.callback());
  },

  "auditHono, serveStatic": async (root, gate) => {
    const { Hono } = await import("hono");
    const { serveStatic } = await framework("@hono/node-server/serve-static");
    const app = new Hono();
    if (gate !== undefined) {
      app.use(auditHono(await createTestRecorder(), { gate }));
    }
    app.use("/*", serveStatic({ root }));
    return served((request) => app.fetch(request));
  },

  "auditFetch, Hono's serveStatic": async (folder, gate) => {
    const files = await filesOf(folder);
    return served(gate === undefined ? files : auditFetch(await createTestRecorder(), files, { gate }));
  },

  "auditHandle, Hono's serveStatic": async (folder, gate) => {
    const files = await filesOf(folder);
    if (gate === undefined) {
      return served(files);
    }
    const handle = auditHandle(await createTestRecorder(), { gate });
    return served((request) => {
      const event: SvelteKitEvent = {
        request,
        url: new URL(request.url),
        route: { id: null },
        locals: {},
        getClientAddress: () => "192.0.2.1",
      };
      return handle({ event, resolve: () => files(request) });
    });
  },

  "auditNext, Hono's serveStatic": async (folder, gate) => {
    const files = await filesOf(folder);
    if (gate === undefined) {
      return served(files);
    }
    const handle = auditNext(inMemory, { after: () => {}, http: { gate } })((request) => files(request));
    return served((request) => handle(request, { params: Promise.resolve({}) }) as Promise<Response>);
  },

  "withCountersign, Hono's serveStatic": async (folder, gate) => {
    const files = await filesOf(folder);
    if (gate === undefined) {
      return served(files);
    }
    const worker = withCountersign(inMemory, { fetch: (request: Request) => files(request) }, { http: { gate } });
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} };
    return served((request) => worker.fetch(request, {}, context));
  },

  "auditLambda, a handler that decodes the path": async (folder, gate) => {
    const files = await filesOf(folder);
    const answer = async (rawPath: string) => {
      const path = decoded(rawPath).replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
      const response = await files(new Request(`http://localhost/${path.replace("/", "")}`));
      return { statusCode: response.status, body: await response.text() };
    };
    type Event = { readonly rawPath: string };
    const audited = auditLambda(inMemory, async ({ rawPath }: Event) => answer(rawPath), {
      http: gate === undefined ? false : { gate },
    });
    const context = { awsRequestId: "r_1", getRemainingTimeInMillis: () => 3_000 };
    return listening(async (request, response) => {
      const [rawPath = ""] = (request.url ?? "").split("?", 1);
      const event = {
        rawPath,
        headers: { host: "localhost" },
        requestContext: { http: { method: request.method, sourceIp: "192.0.2.1" } },
      };
      const { statusCode, body } = await audited(event, context);
      response.writeHead(statusCode).end(body);
    });
  },
};
