/** A random number generator that is the same for the same seed in every runtime. */

/** Returns the next random number below a bound. */
export type Below = (bound: number) => number;

/** Returns a Mulberry32 generator. */
export function chance(seed: number): Below {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** Returns a random name, each with the probability of its weight. */
export function choose<Name extends string>(weights: Readonly<Record<Name, number>>, below: Below): Name {
  const names = Object.keys(weights) as Name[];
  let left = below(names.reduce((sum, name) => sum + weights[name], 0));
  for (const name of names) {
    left -= weights[name];
    if (left < 0) {
      return name;
    }
  }
  throw new RangeError("nothing to choose from");
}
