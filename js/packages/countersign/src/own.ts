/**
 * Reads fields of an object itself or of its class, so that a field which another library added to `Object.prototype`
 * doesn't appear in every object, such as an event's actor.
 */

/** True if the object or its class has the field; the root of the prototype chain doesn't count. */
export function hasField(object: object, name: string): boolean {
  for (let at = object; ; ) {
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

/** Returns a copy without a prototype, for APIs that read options with plain property access, such as `fetch`. */
export function own<T extends object>(given: T): T {
  return Object.assign(Object.create(null), given);
}

/** Returns an object without a prototype that has only these fields of the given object. Missing fields are omitted. */
export function ownFields<T extends object>(given: T, names: readonly string[]): T {
  const own: Record<string, unknown> = Object.create(null);
  for (const name of names) {
    if (hasField(given, name)) {
      own[name] = (given as Record<string, unknown>)[name];
    }
  }
  return own as T;
}
