/**
 * Tests a running log server, set up with `setup.ts` and without entries:
 *
 * ```sh
 * node setup.ts DIR                                             # writes log.key, trust.txt and readers.txt there
 * countersign serve --dir DIR --cors https://dashboard.example  # or any other log, set up with them
 * COUNTERSIGN_LOG_URL=http://127.0.0.1:8080 node --test submit.test.ts
 * ```
 */

import type { Kind } from "./log.ts";
import { serve } from "./serve.ts";

const url = process.env.COUNTERSIGN_LOG_URL?.replace(/\/$/, "");

export const byUrl: Kind | undefined =
  url === undefined
    ? undefined
    : {
        name: url,
        skip: false,
        limits: serve.limits,
        restarts: false,
        start: async () => ({
          url,
          restart: () => Promise.reject(new Error("it cannot be started again from here")),
          close: () => Promise.resolve(),
        }),
      };
