/**
 * Reads fields that an object has itself or by its class. A field that another library put on `Object.prototype` would
 * otherwise count as one of every object: of an event's actor, for one.
 */

/** True if the object has the field itself or by its class; what the root of its prototypes has does not count. */
export function hasField(given: object, name: string): boolean {
  for (let at = given; ; ) {
    if (Object.hasOwn(at, name)) {
      return true;
    }
    const next: object | null = Object.getPrototypeOf(at);
    if (next === null || Object.getPrototypeOf(next) === null) {
      return false;
    }
    at = next;
  }
}

/** Returns a field's value; undefined if the object has no such field. */
export function field(given: unknown, name: string): unknown {
  return (typeof given === "object" || typeof given === "function") && given !== null && hasField(given, name)
    ? (given as Record<string, unknown>)[name]
    : undefined;
}

/** Returns a copy without a prototype, for an interface that reads options in the usual way, as `fetch` does. */
export function own<T extends object>(given: T): T {
  return Object.assign(Object.create(null), given);
}

/** Returns a copy without a prototype that has these fields of the object, as far as the object has them. */
export function ownFields<T extends object>(given: T, names: readonly string[]): T {
  const own: Record<string, unknown> = Object.create(null);
  for (const name of names) {
    if (hasField(given, name)) {
      own[name] = (given as Record<string, unknown>)[name];
    }
  }
  return own as T;
}
