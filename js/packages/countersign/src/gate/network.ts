/** The networks that an IP address is counted by. */

/** Number of clients whose share one /48 of IPv6 has: a site, or the customers of a provider, and never 65,536. */
export const CLIENTS_PER_SITE = 16;

/** A network, and how many clients' shares it has. */
export interface Network {
  readonly name: string;
  readonly shares: number;
}

/**
 * Returns the networks of an address, the largest first: for IPv6 its /48 and its /64, and for IPv4 the address. IPv4
 * addresses in IPv6 form are IPv4. Text that isn't an address is returned as it is.
 */
export function networksOf(address: string): Network[] {
  const groups = groupsOf(address);
  if (groups === undefined) {
    return [{ name: address, shares: 1 }];
  }
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) {
    const name = groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join(".");
    return [{ name, shares: 1 }];
  }
  const prefix = (length: number) =>
    groups
      .slice(0, length)
      .map((group) => group.toString(16))
      .join(":");
  return [
    { name: `${prefix(3)}::/48`, shares: CLIENTS_PER_SITE },
    { name: `${prefix(4)}::/64`, shares: 1 },
  ];
}

/** Returns the eight groups of an IPv6 address; undefined for other text. */
function groupsOf(address: string): number[] | undefined {
  const [bare = ""] = address.split("%", 1);
  const halves = bare.replace(/\d+\.\d+\.\d+\.\d+$/, asGroups).split("::");
  const [head = [], tail] = halves.map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  if (!bare.includes(":") || halves.length > 2 || zeros < 0) {
    return undefined;
  }
  const all = [...head, ...Array<string>(zeros).fill("0"), ...(tail ?? [])];
  return all.length === 8 && all.every((group) => /^[\da-f]{1,4}$/i.test(group))
    ? all.map((group) => Number.parseInt(group, 16))
    : undefined;
}

/** Returns an IPv4 address as the last two groups of an IPv6 address. */
function asGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
