/** Cloudflare Workers. */

import { must } from "../error.js";
import { type Hold, type Lifecycle, none } from "./lifecycle.js";

/** `waitUntil` of the request at hand, once its module has loaded. */
let keep: Hold | undefined;

/** Loads before the first request. Written so that bundlers which do not know the module leave it alone. */
const loading = import(/* webpackIgnore: true */ "cloudflare:workers")
  .catch(() => ({ waitUntil: undefined }))
  .then(({ waitUntil }) => {
    keep = waitUntil;
  });

/** Requests end with their timers, one by one, unless work is left with `waitUntil`; then they go on for half a minute. */
export const inWorker: Lifecycle = {
  ...none,
  hold: (work) => keep?.(work),
  async holder() {
    if (keep === undefined) {
      await loading;
    }
    must(keep !== undefined, "autoFlush", "this runtime cannot send what a request leaves behind", "update wrangler");
    return keep;
  },
};
