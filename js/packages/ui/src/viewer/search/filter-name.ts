/** The display name of a filter. */

import { moment, type Zone } from "../parts/format.js";
import type { Texts } from "../texts/texts.js";

const MIDNIGHT = "00:00:00.000";
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Returns the name of the filter's field in the reader's language (empty if unknown), and the filter's value. */
export function filterName(filter: string, { query }: Texts, zone: Zone): readonly [name: string, says: string] {
  const members: Readonly<Record<string, { readonly name: string }>> = query.members;
  const at = (time: string) => (TIME.test(time) ? moment(time, zone) : time);
  const [, since, until] = /^since:(\S+) until:(\S+)$/.exec(filter) ?? [];
  if (since !== undefined && until !== undefined) {
    const name = members.time?.name ?? "";
    return [name, daysOf(since, until, zone) ?? `${at(since)} – ${at(until)}`];
  }
  const [, field = "", says = ""] = /^([a-z-]+):(.+)$/s.exec(filter) ?? [];
  if (!Object.hasOwn(members, field)) {
    return ["", filter];
  }
  const isTime = (field === "since" || field === "until") && TIME.test(says);
  const isQuoted = /^"(?:[^"\\]|\\.)*"$/.test(says);
  const shown = isTime
    ? at(says)
    : isQuoted
      ? says.slice(1, -1).replace(/\\(.)/g, "$1")
      : says.includes('"')
        ? says
        : says.replaceAll(",", ", ");
  return [members[field]?.name ?? "", shown];
}

/** Returns the first and last day of a time range that consists of whole days. */
function daysOf(since: string, until: string, zone: Zone): string | undefined {
  if (!TIME.test(since) || !TIME.test(until) || [since, until].some((time) => clockOf(time, zone) !== MIDNIGHT)) {
    return undefined;
  }
  const first = moment(since, zone).slice(0, 10);
  const last = moment(Date.parse(until) - 1, zone).slice(0, 10);
  return first === last ? first : `${first} – ${last}`;
}

function clockOf(time: string, zone: Zone): string {
  return moment(time, zone).slice(11, 23);
}
