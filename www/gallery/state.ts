/** A state as the list of them says it. */
export interface State {
  readonly group: string;
  readonly title: string;
  readonly says: string;
}

/** How a state is brought about, in a tab that shows nothing yet. Resolves once it is there. */
export type Scene = () => Promise<void>;
