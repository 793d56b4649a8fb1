/** Serves the app in Node.js, which has no server for `fetch` handlers, with Hono's. */

import { serve } from "@hono/node-server";
import server from "./app.ts";

serve(server, ({ port }) => console.log(`http://localhost:${port}`));
