/** Title and description of a state. */
export type State = readonly [title: string, says: string];

/** States by name, in named groups. */
export type Groups = Readonly<Record<string, Readonly<Record<string, State>>>>;

/** Names of the states in all groups. */
export type NameIn<All extends Groups> = { [Group in keyof All]: keyof All[Group] & string }[keyof All];

/** Shows a state in an empty tab. Resolves once it is shown. */
export type Scene = () => Promise<void>;

/** Returns the names of all states. */
export function namesIn<All extends Groups>(groups: All): readonly NameIn<All>[] {
  return Object.values(groups).flatMap((states) => Object.keys(states)) as NameIn<All>[];
}
