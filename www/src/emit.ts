/** Returns an event handler that emits an event to the owner of the element. */
export function emits(name: string, detail: unknown = undefined): (event: Event) => void {
  return (event) => emit(event.currentTarget, name, detail);
}

/** Dispatches an event that bubbles to the owner of the element. */
export function emit<T>(element: EventTarget | null | undefined, name: string, detail: T): void {
  element?.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
}
