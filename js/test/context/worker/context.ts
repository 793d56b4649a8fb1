/** Reports what a recorder with a context records, with the runtime's flags. */

import { asyncContext } from "../../../packages/countersign/dist/context/context.js";
import { createRecorder, memory } from "../../../packages/countersign/dist/record/record.js";

interface Env {
  KEY: string;
  FLAG: string;
}

async function recorded({ KEY, FLAG }: Env): Promise<unknown[]> {
  const to = memory();
  const recorder = await createRecorder({ key: KEY, origin: "log.example", to, autoFlush: false }).ready();
  // As in a Worker, which knows its own flags.
  const given = FLAG === "nodejs_als" ? await import("node:async_hooks") : {};
  const audit = asyncContext(recorder, given);
  await Promise.all(
    ["u_1", "u_2"].map((actor) =>
      audit.with({ actor }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        audit.record({ action: "a.b" });
      }),
    ),
  );
  await recorder.close();
  const lines = to.text().split("\n");
  return lines.flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event.actor.id] : [])).sort();
}

export default {
  fetch: async (_: Request, env: Env) =>
    Response.json(await recorded(env).catch(({ code, member, hint }) => ({ code, member, hint }))),
};
