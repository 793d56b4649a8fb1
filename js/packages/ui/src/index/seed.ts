/** A number that nobody can guess: no events can be written that make hashing them slow. */
export function seed(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random;
}
