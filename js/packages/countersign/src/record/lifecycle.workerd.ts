/** Lifecycle of Cloudflare Workers. */

import { must } from "../error.js";
import { type Hold, type Lifecycle, none } from "./lifecycle.js";

/** `waitUntil` of the current request, once its module has loaded. */
let keep: Hold | undefined;

/** Loads before the first request. The comment keeps bundlers that don't know the module from resolving it. */
const loading = import(/* webpackIgnore: true */ "cloudflare:workers")
  .catch(() => ({ waitUntil: undefined }))
  .then(({ waitUntil }) => {
    keep = waitUntil;
  });

/** Timers end with their request unless `waitUntil` extends it, for at most half a minute. */
export const inWorker: Lifecycle = {
  ...none,
  hold: (work) => keep?.(work),
  async holder() {
    if (keep === undefined) {
      await loading;
    }
    must(
      keep !== undefined,
      "autoFlush",
      "autoFlush needs waitUntil, which this runtime does not provide",
      "update wrangler, or set `autoFlush` to false",
    );
    return keep;
  },
};
