/** A program's own events, where it has listed them. */

/** What `defineEvents` of `countersign/events` makes: each action, and what its events must hold. */
export interface Catalogue<Events = unknown> {
  /** Throws `event.invalid` for an event that is not as its action's schema has it, or whose action is not listed. */
  check(event: object): void;
  /** The same of an event as JSON text. */
  checkJson(json: string): void;
  /** What the events hold, for TypeScript alone. */
  readonly "~events"?: Events | undefined;
}
