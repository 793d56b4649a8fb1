/** Programs on Node.js, Deno and Bun: told when nothing is left to do, and when they end. */

import type { Lifecycle } from "./lifecycle.js";

export const lifecycle: Lifecycle = {
  isLeaving: () => false,
  follow({ idle, exiting }) {
    process.once("beforeExit", idle);
    process.once("exit", exiting);
    return () => {
      process.off("beforeExit", idle);
      process.off("exit", exiting);
    };
  },
};
