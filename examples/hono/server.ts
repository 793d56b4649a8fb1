/** Node has no server of its own for `fetch`: Hono's does it. */

import { serve } from "@hono/node-server";
import server from "./app.ts";

serve(server, ({ port }) => console.log(`http://localhost:${port}`));
