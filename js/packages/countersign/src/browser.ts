/**
 * The entry `countersign/browser`: browser storage, and keys that no script can read.
 *
 * @module
 */

export {
  type BrowserKey,
  type BrowserKeyOptions,
  browserKey,
  type Fallback,
  forgetBrowserKey,
} from "./keys/browser.js";
export { type GrantedKey, type GrantedKeyOptions, grantedKey, type Rotating } from "./keys/granted.js";
export { type IndexedDbOutboxOptions, indexedDbOutbox } from "./outbox/indexeddb.js";
export type { Outbox } from "./outbox/outbox.js";
