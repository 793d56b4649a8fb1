import Router from "@koa/router";
import { createRecorder } from "countersign";
import { auditKoa } from "countersign/koa";
import { closeOnSignals } from "countersign/node";
import Koa from "koa";
import { guard, options } from "../options.mjs";

const audit = createRecorder(options());
const router = new Router();
router.delete("/jobs/:id", (ctx) => {
  ctx.state.audit.record({ action: "job.delete", target: { type: "job", id: ctx.params.id } });
  ctx.body = "deleted";
});
router.get("/fails", () => {
  throw new Error("of the handler's");
});

const app = new Koa();
app.silent = true;
app.use(auditKoa(audit, { gate: guard, actor: (ctx) => ctx.get("x-user") || undefined }));
app.use(router.routes());
const server = app.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
closeOnSignals(audit, { first: () => new Promise((closed) => server.close(closed).closeAllConnections()) });
