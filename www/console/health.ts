/** What a log says of itself at `/healthz`, as far as it is understood. */

/** What is wrong with a log, by its own word: with its code and what to do about it. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** Where, of what is damaged. */
  readonly place: string | undefined;
  /** Since when. */
  readonly at: string | undefined;
}

export interface Health {
  readonly healthy: boolean;
  readonly origin: string | undefined;
  readonly size: number | undefined;
  readonly published:
    | { readonly size: number; readonly at: string; readonly witnessed: boolean | undefined }
    | undefined;
  /** Why it signs nothing any more. */
  readonly stopped: Trouble | undefined;
  /** What it found damaged. */
  readonly damaged: Trouble | undefined;
  readonly storage: {
    /** Whether what comes cannot be stored, and whether there is hardly any room left for it. */
    readonly failing: boolean;
    readonly full: boolean;
    /** In what it is stored; undefined where it does not say. */
    readonly kind: (typeof KINDS)[number] | undefined;
    /** How many bytes there are. */
    readonly room: { readonly free: number; readonly total: number } | undefined;
  };
  /** How it checks itself: in how many seconds all of it, how much is read now, and when the newest check ended with what. */
  readonly check:
    | {
        readonly within: number;
        readonly percent: number;
        readonly at: string | undefined;
        readonly problems: number | undefined;
      }
    | undefined;
  /** How many leaves its search index has. */
  readonly index: { readonly indexed: number; readonly isWhole: boolean } | undefined;
  /** The newest backup that it knows of. */
  readonly backup: { readonly at: string; readonly size: number } | undefined;
  /** How many erasures are recorded and not done, and whether one of them cannot be carried out. */
  readonly erasures: { readonly unfinished: number | undefined; readonly failing: boolean };
  /** How the log's clock stands to those of its witnesses, and by how many seconds it is ahead. */
  readonly clock: {
    readonly state: ClockState;
    readonly skew: number | undefined;
    /** By how many seconds it is ahead of each. */
    readonly witnesses: readonly (readonly [string, number])[];
  };
}

const KINDS = ["folder", "bucket", "object"] as const;

const CLOCK_STATES = ["agrees", "ahead", "behind"] as const;
/** Unknown where no witness was heard, or the log says nothing of it. */
type ClockState = (typeof CLOCK_STATES)[number] | "unknown";

/** Whether all the witnesses that the log needs are none: none was heard, so its clock is compared with none either. */
export function isUnheard({ published, clock }: Health): boolean {
  return published?.witnessed === true && clock.state === "unknown";
}

/** Undefined where the text is no answer of a log. */
export function parseHealth(text: string): Health | undefined {
  try {
    const said = object(JSON.parse(text));
    if (typeof said?.healthy !== "boolean") return undefined;
    const published = object(said.published);
    const [size, at] = [whole(published?.size), time(published?.at)];
    const [storage, erasures, clock] = [object(said.storage), object(said.erasures), object(said.clock)];
    return {
      healthy: said.healthy,
      origin: typeof said.origin === "string" ? said.origin : undefined,
      size: whole(said.size),
      published:
        size === undefined || at === undefined
          ? undefined
          : {
              size,
              at,
              witnessed: typeof published?.witnessed === "boolean" ? published.witnessed : undefined,
            },
      stopped: trouble(said.stopped),
      damaged: trouble(said.damaged),
      storage: {
        failing: storage?.failing === true,
        full: storage?.full === true,
        kind: KINDS.find((kind) => kind === storage?.kind),
        room: room(storage),
      },
      check: check(said.check),
      index: index(said.index),
      backup: backup(said.backup),
      erasures: { unfinished: whole(erasures?.unfinished), failing: erasures?.failing === true },
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
  const [free, total] = [whole(storage?.free), whole(storage?.total)];
  return free === undefined || total === undefined ? undefined : { free, total };
}

function check(value: unknown): Health["check"] {
  const said = object(value);
  const [within, percent] = [whole(said?.within), whole(said?.percent)];
  return within === undefined || percent === undefined || percent > 100
    ? undefined
    : { within, percent, at: time(said?.at), problems: whole(said?.problems) };
}

function index(value: unknown): Health["index"] {
  const said = object(value);
  const indexed = whole(said?.indexed);
  return indexed === undefined ? undefined : { indexed, isWhole: said?.whole === true };
}

function backup(value: unknown): Health["backup"] {
  const said = object(value);
  const [at, size] = [time(said?.at), whole(said?.size)];
  return at === undefined || size === undefined ? undefined : { at, size };
}

function trouble(value: unknown): Trouble | undefined {
  const said = object(value);
  const [code, message] = [text(said?.code), text(said?.message)];
  return code === undefined || message === undefined
    ? undefined
    : { code, message, hint: text(said?.hint), place: text(said?.place), at: time(said?.at) };
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

function whole(value: unknown): number | undefined {
  const number = integer(value);
  return number !== undefined && number >= 0 ? number : undefined;
}

function time(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 40 && !Number.isNaN(Date.parse(value))
    ? value
    : undefined;
}
