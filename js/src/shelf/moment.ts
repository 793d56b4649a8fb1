/** Moments as people write them in a query. */

const DAY = /^(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)$/;
const MOMENT = /^((?:\d{4}|[+-]\d{6})-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?(Z|[+-]\d\d:\d\d)?$/i;
const MINUTE = 60_000;

/** Reads a day or a time, in milliseconds since 1970; undefined where it is none. Without an offset it is in UTC. */
export function readMoment(text: string): number | undefined {
  const day = readDay(text);
  if (day !== undefined) {
    return day;
  }
  const [, date = "", hour = "", minute = "", second = "0", fraction = "", offset = "Z"] = MOMENT.exec(text) ?? [];
  const begin = readDay(date);
  if (begin === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return undefined;
  }
  const minutes = Number(hour) * 60 + Number(minute) - readOffset(offset);
  const time = begin + minutes * MINUTE + Number(second) * 1000 + Number(fraction.padEnd(3, "0"));
  return Number.isNaN(new Date(time).getTime()) ? undefined : time;
}

/** Writes a moment in UTC, as a day where it is the begin of one. */
export function writeMoment(time: number): string {
  const text = new Date(time).toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, -"T00:00:00.000Z".length) : text;
}

/** A day that exists. */
function readDay(text: string): number | undefined {
  if (!DAY.test(text)) {
    return undefined;
  }
  const time = Date.parse(`${text}T00:00:00.000Z`);
  // What does not exist, 30 February for one, is read as another day.
  return !Number.isNaN(time) && writeMoment(time) === text ? time : undefined;
}

function readOffset(offset: string): number {
  if (offset.toUpperCase() === "Z") {
    return 0;
  }
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4));
  return offset.startsWith("-") ? -minutes : minutes;
}
