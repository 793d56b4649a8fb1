/** Cloudflare Workers. */

import { must } from "../error.js";
import { type Lifecycle, none } from "./lifecycle.js";

/** Requests end with their timers, one by one, unless work is left with `waitUntil`; then they go on for half a minute. */
export const inWorker: Lifecycle = {
  ...none,
  async holder() {
    // Written so that bundlers which do not know the module leave it alone.
    const { waitUntil } = await import(/* webpackIgnore: true */ "cloudflare:workers").catch(() => ({
      waitUntil: undefined,
    }));
    must(waitUntil !== undefined, "flush", "this runtime cannot send what a request leaves behind", "update wrangler");
    return waitUntil;
  },
};
