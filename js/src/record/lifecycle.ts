/** What a runtime tells a recorder about its end. */

/** What a recorder does when it is told. */
export interface Endings {
  /** The page is hidden, and may not be shown again. */
  hidden(): void;
  /** The page is shown again. */
  shown(): void;
  /** The page goes away, now: nothing is waited for any more. */
  leaving(): void;
  /** The program has nothing else to do. */
  idle(): void;
  /** The program ends, now. */
  exiting(): void;
}

/** Follows a runtime's life. */
export interface Lifecycle {
  /** Whether what is sent now must outlive the page. */
  isLeaving(): boolean;
  /** Tells a recorder, until what is given back is called. */
  follow(endings: Endings): () => void;
}

/** Where nobody tells. */
export const none: Lifecycle = { isLeaving: () => false, follow: () => () => {} };
