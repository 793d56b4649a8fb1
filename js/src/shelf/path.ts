import { eachItem, isArray, isObject, isString, Members } from "./json.js";
import { hasEscape } from "./reader.js";
import { decode, unescaped } from "./utf8.js";

/** Is handed a value: a string's text, or any other value's JSON. */
export type See = (bytes: Uint8Array, begin: number, end: number) => boolean;

/**
 * Whether any value at a path is as wanted. The names of members may hold dots themselves, and the items of an array
 * count as values of its member.
 */
export function someAt(path: string, bytes: Uint8Array, begin: number, end: number, see: See): boolean {
  const members = new Members();
  members.enter(bytes, begin, end);
  while (members.next()) {
    const name = nameOf(members, bytes);
    if (name === path) {
      if (someValue(bytes, members.begin, members.end, see)) {
        return true;
      }
    } else if (path.startsWith(`${name}.`)) {
      if (someWithin(path.slice(name.length + 1), bytes, members.begin, members.end, see)) {
        return true;
      }
    }
  }
  return false;
}

function someWithin(path: string, bytes: Uint8Array, begin: number, end: number, see: See): boolean {
  if (isObject(bytes, begin)) {
    return someAt(path, bytes, begin, end, see);
  }
  return someItem(bytes, begin, end, (from, to) => someWithin(path, bytes, from, to, see));
}

function someValue(bytes: Uint8Array, begin: number, end: number, see: See): boolean {
  if (isString(bytes, begin)) {
    const length = end - begin;
    if (!hasEscape(bytes, begin, end)) {
      return see(bytes, begin + 1, end - 1);
    }
    const read = new Uint8Array(length);
    return see(read, 0, unescaped(bytes, begin + 1, end - 1, read, 0));
  }
  return see(bytes, begin, end) || someItem(bytes, begin, end, (from, to) => someValue(bytes, from, to, see));
}

function someItem(bytes: Uint8Array, begin: number, end: number, is: (begin: number, end: number) => boolean): boolean {
  let found = false;
  if (isArray(bytes, begin)) {
    eachItem(bytes, begin, end, (from, to) => {
      found ||= is(from, to);
    });
  }
  return found;
}

function nameOf({ nameBegin, nameEnd }: Members, bytes: Uint8Array): string {
  if (!hasEscape(bytes, nameBegin, nameEnd)) {
    return decode(bytes.subarray(nameBegin, nameEnd));
  }
  const read = new Uint8Array(nameEnd - nameBegin);
  return decode(read.subarray(0, unescaped(bytes, nameBegin, nameEnd, read, 0)));
}
