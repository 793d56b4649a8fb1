/** Programs on Node.js, Deno and Bun: told when nothing is left to do, and when they end. */

import type { Endings, Lifecycle } from "./lifecycle.js";

/** All recorders go by one listener each: Node.js takes many listeners for a leak. */
const followed = new Set<Endings>();
/** Those that were not told yet that nothing is left to do: told twice they could keep the program from ending. */
const waiting = new Set<Endings>();

const idle = () => {
  const told = [...waiting];
  waiting.clear();
  for (const endings of told) {
    endings.idle();
  }
};

const exiting = () => {
  for (const endings of followed) {
    endings.exiting();
  }
};

export const lifecycle: Lifecycle = {
  isLeaving: () => false,
  follow(endings) {
    if (followed.size === 0) {
      process.on("beforeExit", idle);
      process.on("exit", exiting);
    }
    followed.add(endings);
    waiting.add(endings);
    return () => {
      followed.delete(endings);
      waiting.delete(endings);
      if (followed.size === 0) {
        process.off("beforeExit", idle);
        process.off("exit", exiting);
      }
    };
  },
};
