/** A program's own events, typed and checked. */

export { defineEvents, type EventsOf, type Schema, type Schemas } from "./catalogue/define.js";
export type { Catalogue, EventOf } from "./record/event.js";
