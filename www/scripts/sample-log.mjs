// Puts chains into one log of the sample: a Merkle tree (RFC 6962) with checkpoints that the log signs and two witnesses
// cosign (SPEC.md, section 6). Only for the sample; `countersign seal` makes real logs.
import { createHash, sign } from "node:crypto";
import { key } from "./sample-key.mjs";

/** Types of signatures in signed notes. */
const LOG = 1;
const WITNESS = 4;
const WITNESSES = ["witness-a.example", "witness-b.example"];

/**
 * Returns the export, its first checkpoint as a pin, and the trust file's lines about the log and its witnesses.
 * `lines` are the entries in the order of the log, and `checkpoints` the sizes and times of its checkpoints, ascending.
 * The event whose action is `withheld` is left out.
 */
export function sealed(origin, lines, checkpoints, withheld) {
  const log = key(origin, LOG);
  const witnesses = WITNESSES.map((name) => key(name, WITNESS));
  const entries = lines.map((line) => JSON.parse(line));
  const leaves = entries.map(({ link }) => sha256(Buffer.from([0]), Buffer.from(link)));
  const notes = checkpoints.map(({ size, time }) =>
    checkpoint(origin, leaves.slice(0, size), time, log, witnesses),
  );
  const out = [JSON.stringify({ countersign: "export/v1", origin, range: [0, entries.length] })];
  for (const [index, { link, event }] of entries.entries()) {
    const isWithheld = event?.action === withheld;
    out.push(isWithheld ? JSON.stringify({ link, withheld: "redacted" }) : lines[index]);
    const at = checkpoints.findIndex(({ size }) => size === index + 1);
    if (at >= 0) out.push(JSON.stringify({ checkpoint: notes[at] }));
  }
  const names = witnesses.map((_, nth) => `w${nth + 1}`);
  const trust = [
    `log ${log.vkey}`,
    ...witnesses.map(({ vkey }, nth) => `witness ${names[nth]} ${vkey}`),
    `group both ${names.length} ${names.join(" ")}`,
    "quorum both",
  ];
  return { exported: `${out.join("\n")}\n`, pin: notes[0], trust };
}

function checkpoint(origin, leaves, time, log, witnesses) {
  const body = `${origin}\n${leaves.length}\n${root(leaves).toString("base64")}\n`;
  const seconds = Math.floor(time / 1000);
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(seconds));
  const signatures = [
    line(log, sign(null, Buffer.from(body), log.secret)),
    ...witnesses.map((witness) =>
      line(
        witness,
        Buffer.concat([
          stamp,
          sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${body}`), witness.secret),
        ]),
      ),
    ),
  ];
  return `${body}\n${signatures.join("")}`;
}

/** Returns a signature line of a signed note. */
function line({ name, id }, signature) {
  return `— ${name} ${Buffer.concat([Buffer.from(id, "hex"), signature]).toString("base64")}\n`;
}

/** Returns the root hash of a Merkle tree. */
function root(leaves) {
  if (leaves.length === 1) return leaves[0];
  const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Buffer.from([1]), root(leaves.slice(0, half)), root(leaves.slice(half)));
}

function sha256(...parts) {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}
