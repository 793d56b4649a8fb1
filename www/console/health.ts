/** The fields of the log server's `/healthz` that the console shows. */

/** A problem that the log reports: the part that is ill, and what to do about it. */
export interface LogProblem {
  readonly part: (typeof PARTS)[number] | "other";
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** True if the log is unhealthy because of it. */
  readonly isCritical: boolean;
}

const PARTS = [
  ...["disk", "data", "bucket", "clock", "witnesses", "journal"],
  ...["signing", "erasing", "control_files", "tenants", "server"],
] as const;

export interface Health {
  readonly healthy: boolean;
  readonly origin: string | undefined;
  readonly size: number | undefined;
  readonly published:
    | { readonly size: number; readonly at: string; readonly witnessed: boolean | undefined }
    | undefined;
  /** The problems that the log reports, at most {@link MAX_PROBLEMS}. */
  readonly problems: readonly LogProblem[];
  readonly storage: {
    /** True if there is hardly any room left. */
    readonly full: boolean;
    /** Kind of storage; undefined if the log doesn't state it. */
    readonly kind: (typeof KINDS)[number] | undefined;
    /** Room in bytes. */
    readonly room: { readonly free: number; readonly total: number } | undefined;
  };
  /**
   * Self-check: period of a full pass in seconds, progress of the current pass in percent, and end and result
   * of the last one.
   */
  readonly check:
    | {
        readonly within: number;
        readonly percent: number;
        readonly at: string | undefined;
        readonly problems: number | undefined;
      }
    | undefined;
  /** Number of entries in the search index. */
  readonly index: { readonly indexed: number; readonly isWhole: boolean } | undefined;
  /** The newest backup that the log knows of. */
  readonly backup: { readonly at: string; readonly size: number } | undefined;
  /** Number of erasures recorded but not done. */
  readonly erasures: { readonly unfinished: number | undefined };
  /** State of the log's clock, and the seconds by which it is ahead of the time that it is compared with. */
  readonly clock: {
    readonly state: ClockState;
    readonly skew: number | undefined;
    /** Seconds by which it is ahead of each witness. */
    readonly witnesses: readonly (readonly [string, number])[];
  };
}

const MAX_PROBLEMS = 100;

const KINDS = ["folder", "bucket", "object"] as const;

const CLOCK_STATES = ["agrees", "ahead", "behind", "jumped", "implausible", "behind_last_tick"] as const;
/** Unknown if no witness responded, or the log doesn't report it. */
type ClockState = (typeof CLOCK_STATES)[number] | "unknown";

/** True if no witness responded although the log needs them, so that its clock can't be compared either. */
export function isUnheard({ published, clock }: Health): boolean {
  return published?.witnessed === true && clock.witnesses.length === 0;
}

/**
 * True if the response is that of a root log. It has the state of the tenant logs, or only a word if the token isn't for
 * all of them.
 */
export function isOfRootLog(text: string): boolean {
  try {
    const fields = object(JSON.parse(text)) ?? {};
    const isWord = Object.keys(fields).length === 1 && /^(?:un)?healthy$/.test(String(fields.status));
    return isWord || object(fields.tenants) !== undefined;
  } catch {
    return false;
  }
}

/** Parses the response; undefined if it isn't one of a log. */
export function parseHealth(text: string): Health | undefined {
  try {
    const fields = object(JSON.parse(text));
    if (typeof fields?.healthy !== "boolean") return undefined;
    const published = object(fields.published);
    const [size, at] = [nonNegativeInteger(published?.size), time(published?.at)];
    const [storage, erasures, clock] = [
      object(fields.storage),
      object(fields.erasures),
      object(fields.clock),
    ];
    return {
      healthy: fields.healthy,
      origin: typeof fields.origin === "string" ? fields.origin : undefined,
      size: nonNegativeInteger(fields.size),
      published:
        size === undefined || at === undefined
          ? undefined
          : {
              size,
              at,
              witnessed: typeof published?.witnessed === "boolean" ? published.witnessed : undefined,
            },
      problems: problems(fields.problems),
      storage: {
        full: storage?.full === true,
        kind: KINDS.find((kind) => kind === storage?.kind),
        room: room(storage),
      },
      check: check(fields.check),
      index: index(fields.index),
      backup: backup(fields.backup),
      erasures: { unfinished: nonNegativeInteger(erasures?.unfinished) },
      clock: {
        state: CLOCK_STATES.find((state) => state === clock?.state) ?? "unknown",
        skew: integer(clock?.skew),
        witnesses: Object.entries(object(clock?.witnesses) ?? {}).flatMap(([name, skew]) => {
          const seconds = integer(skew);
          return seconds === undefined ? [] : [[name, seconds] as const];
        }),
      },
    };
  } catch {
    return undefined;
  }
}

function room(storage: Partial<Record<string, unknown>> | undefined): Health["storage"]["room"] {
  const [free, total] = [nonNegativeInteger(storage?.free), nonNegativeInteger(storage?.total)];
  return free === undefined || total === undefined ? undefined : { free, total };
}

function check(value: unknown): Health["check"] {
  const fields = object(value);
  const [within, percent] = [nonNegativeInteger(fields?.within), nonNegativeInteger(fields?.percent)];
  return within === undefined || percent === undefined || percent > 100
    ? undefined
    : { within, percent, at: time(fields?.at), problems: nonNegativeInteger(fields?.problems) };
}

function index(value: unknown): Health["index"] {
  const fields = object(value);
  const indexed = nonNegativeInteger(fields?.indexed);
  return indexed === undefined ? undefined : { indexed, isWhole: fields?.whole === true };
}

function backup(value: unknown): Health["backup"] {
  const fields = object(value);
  const [at, size] = [time(fields?.at), nonNegativeInteger(fields?.size)];
  return at === undefined || size === undefined ? undefined : { at, size };
}

function problems(value: unknown): readonly LogProblem[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.slice(0, MAX_PROBLEMS).flatMap((item) => {
    const fields = object(item);
    const [code, message] = [text(fields?.code), text(fields?.message)];
    if (code === undefined || message === undefined) return [];
    const part = PARTS.find((part) => part === fields?.part) ?? "other";
    return [{ part, code, message, hint: text(fields?.hint), isCritical: fields?.critical !== false }];
  });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function object(value: unknown): Partial<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function integer(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : undefined;
}

function nonNegativeInteger(value: unknown): number | undefined {
  const number = integer(value);
  return number !== undefined && number >= 0 ? number : undefined;
}

function time(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 40 && !Number.isNaN(Date.parse(value))
    ? value
    : undefined;
}
