/** What a runtime tells a recorder about its end. */

/** What a recorder does when it is told. */
export interface Endings {
  /** The page is hidden, and may not be shown again. */
  hidden(): void;
  /** The page is shown again. */
  shown(): void;
  /** The page goes away, now: nothing is waited for any more. */
  leaving(): void;
  /** The program has nothing else to do. This repeats: whatever is done then may give the program more to do. */
  idle(): void;
  /** The program ends, now. */
  exiting(): void;
}

/** Follows a runtime's life. */
export interface Lifecycle {
  /** Whether what is sent now must outlive the page. */
  isLeaving(): boolean;
  /**
   * About how many bytes of events and links are signed together. A page that is going away may send no more than 60 KiB,
   * and no less than what was signed together; elsewhere it is below what any proxy takes that has a limit of its own.
   */
  readonly batchBytes: number;
  /** Tells a recorder, until what is given back is called. */
  follow(endings: Endings): () => void;
  /** Makes the program's exit status one of failure, because it ends without some of its events. */
  failed?(): void;
  /** Where recording goes on in contexts that end one by one: gives what keeps the present one. */
  holder?(): Promise<Hold>;
  /** Keeps the present context there until the work is done, if that is known how already. */
  hold?: Hold;
}

/** Keeps the context in which it is called until the work is done. */
export type Hold = (work: Promise<unknown>) => void;

/** Where nobody tells: isolates that end unseen. */
export const none: Lifecycle = { isLeaving: () => false, batchBytes: 96 << 10, follow: () => () => {} };

/** Of whatever runs here: a page, a program, or what is both. */
export const ofRuntime: Lifecycle = {
  isLeaving: () => inPage() && document.visibilityState === "hidden",
  get batchBytes() {
    return inPage() ? 48 << 10 : none.batchBytes;
  },
  follow(endings) {
    const ends = [inPage() ? followPage(endings) : [], program() ? followProgram(endings) : []].flat();
    return () => {
      for (const end of ends) {
        end();
      }
    };
  },
  failed() {
    const running = program();
    if (running !== undefined && Number(running.exitCode ?? 0) === 0) {
      running.exitCode = 1;
    }
  },
};

const inPage = () => typeof document !== "undefined";

/** Pages are hidden before they go, and few get to know more than that. */
function followPage({ hidden, shown, leaving }: Endings): () => void {
  const changed = () => {
    if (document.visibilityState === "hidden") {
      hidden();
    } else {
      shown();
    }
  };
  document.addEventListener("visibilitychange", changed);
  globalThis.addEventListener?.("pagehide", leaving);
  return () => {
    document.removeEventListener("visibilitychange", changed);
    globalThis.removeEventListener?.("pagehide", leaving);
  };
}

interface Program {
  exitCode?: number | string | null | undefined;
  on(event: "beforeExit" | "exit", told: () => void): unknown;
  off(event: "beforeExit" | "exit", told: () => void): unknown;
}

/** Node.js, Deno and Bun. By way of the global object: bundlers put something of their own in place of `process`. */
function program(): Program | undefined {
  const { process } = globalThis as { process?: Partial<Program> };
  return typeof process?.on === "function" && typeof process.off === "function" ? (process as Program) : undefined;
}

/** All recorders go by one listener each: Node.js takes many listeners for a leak. */
const followed = new Set<Endings>();

const idle = () => {
  // Behind the program's own listeners: they may still record.
  program()?.off("exit", exiting);
  program()?.on("exit", exiting);
  for (const endings of [...followed]) {
    endings.idle();
  }
};

/** Tells all recorders that the program ends, now. */
export const exiting = (): void => {
  for (const endings of [...followed]) {
    endings.exiting();
  }
};

function followProgram(endings: Endings): () => void {
  if (followed.size === 0) {
    program()?.on("beforeExit", idle);
    program()?.on("exit", exiting);
  }
  followed.add(endings);
  return () => {
    followed.delete(endings);
    if (followed.size === 0) {
      program()?.off("beforeExit", idle);
      program()?.off("exit", exiting);
    }
  };
}
