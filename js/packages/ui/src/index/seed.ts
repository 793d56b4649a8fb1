/** Returns a random seed for hash tables, so that attackers can't craft events that make hashing slow. */
export function seed(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random;
}
