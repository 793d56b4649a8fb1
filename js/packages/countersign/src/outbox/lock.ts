/** Web Locks: the browser lets go of them when a tab or worker ends, however it ends. */

import { CountersignError } from "../error.js";

/** A lock that is held. */
export interface Lock {
  readonly name: string;
  /** Resolves when others can take it. */
  release(): Promise<unknown>;
}

/** The browser's locks. */
export function webLocks(): LockManager {
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) {
    throw new CountersignError("outbox.failed", "there are no Web Locks here", {
      hint: "serve the page over HTTPS or from localhost, or leave the outbox out: events then wait in memory",
    });
  }
  return locks;
}

/** Takes a lock; undefined where another has it. */
export function tryLock(name: string): Promise<Lock | undefined> {
  const locks = webLocks();
  return new Promise((resolve, reject) => {
    const taken = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((letGo) => {
        const release = () => {
          letGo();
          return taken.catch(() => {});
        };
        resolve({ name, release });
      });
    });
    taken.catch((cause) =>
      reject(
        new CountersignError("outbox.failed", "the browser gives no Web Lock", {
          hint: "a sandboxed frame needs allow-same-origin; else see the cause",
          cause,
        }),
      ),
    );
  });
}
