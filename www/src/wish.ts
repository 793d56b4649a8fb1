/** A listener that tells the page that something is wanted of it. */
export function wishes<T>(name: string, detail?: T): (event: Event) => void {
  return (event) => event.currentTarget?.dispatchEvent(wish(name, detail));
}

/** Tells the page that something is wanted of it. */
export function wish<T>(name: string, detail: T): CustomEvent<T> {
  return new CustomEvent(name, { detail, bubbles: true });
}
