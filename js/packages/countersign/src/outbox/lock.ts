/** Web Locks, which the browser releases when a tab or worker ends in any way. */

import { CountersignError } from "../error.js";

/** A held lock. */
export interface Lock {
  readonly name: string;
  /** Resolves when others can acquire it. */
  release(): Promise<unknown>;
}

/** Returns the browser's lock manager. */
export function webLocks(): LockManager {
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) {
    throw new CountersignError("outbox.unavailable", "Web Locks are not available", {
      hint: "serve the page over HTTPS or from localhost, or omit `outbox` to keep events in memory",
    });
  }
  return locks;
}

/** Acquires a lock; undefined if another holder has it. */
export function tryLock(name: string): Promise<Lock | undefined> {
  const locks = webLocks();
  return new Promise((resolve, reject) => {
    const request = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((unlock) => {
        const release = () => {
          unlock();
          return request.catch(() => {});
        };
        resolve({ name, release });
      });
    });
    request.catch((cause) =>
      reject(
        new CountersignError("outbox.failed", "the browser refused a Web Lock", {
          hint: "add allow-same-origin to a sandboxed frame; otherwise, see the cause",
          cause,
        }),
      ),
    );
  });
}
