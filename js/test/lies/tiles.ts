/** Tiles and entry bundles (C2SP tlog-tiles) of the root log and the tenant log. */

import type { OperatorLog } from "./log.ts";

/** The number of hashes in a full tile. */
const WIDTH = 256;
const PATH = /^tile\/(\d+|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?$/;

/** Returns the resource with this path; of the tenant log if it is at a tick. Undefined if the log doesn't have it. */
export function resourceOf(log: OperatorLog, path: string, tick?: number): Buffer | undefined {
  const [, kind = "", number = "", width = `${WIDTH}`] = PATH.exec(path) ?? [];
  const [index, count] = [Number(number.replaceAll(/[x/]/g, "")), Number(width)];
  const tree = tick === undefined ? log.root.tree : log.tickAt(tick).tree;
  const entries = tick === undefined ? log.root.entries : log.tickAt(tick).history.entries.map(({ link }) => link);
  const parts =
    kind === "entries"
      ? entries.slice(WIDTH * index, WIDTH * index + count).map(withLength)
      : tree.subtrees(8 * Number(kind), WIDTH * index, count);
  const bytes = Buffer.concat(parts);
  return parts.length < count ? undefined : (log.lie.tile?.(path, bytes) ?? bytes);
}

function withLength(entry: string): Buffer {
  const bytes = Buffer.from(entry);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
