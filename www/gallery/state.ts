/** What a list says of a state. */
export type State = readonly [title: string, says: string];

/** States by their names, in groups that have names too. */
export type Groups = Readonly<Record<string, Readonly<Record<string, State>>>>;

/** The names of the states in all groups. */
export type NameIn<All extends Groups> = { [Group in keyof All]: keyof All[Group] & string }[keyof All];

/** How a state is brought about, in a tab that shows nothing yet. Resolves once it is there. */
export type Scene = () => Promise<void>;

/** The names of all states. */
export function namesIn<All extends Groups>(groups: All): readonly NameIn<All>[] {
  return Object.values(groups).flatMap((states) => Object.keys(states)) as NameIn<All>[];
}
