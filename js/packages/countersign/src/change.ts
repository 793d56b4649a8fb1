/** What an update changed. */

export { type Changed, change } from "./change/change.js";
