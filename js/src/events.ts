/** A program's own events, typed and checked. */

export { defineEvents, type EventsOf, type Schema, type Schemas } from "./catalogue/define.js";
export type { Catalogue } from "./record/catalogue.js";
export type { EventOf } from "./record/event.js";
