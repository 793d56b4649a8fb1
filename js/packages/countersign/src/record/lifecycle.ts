/** Lifecycle events of the runtime that a recorder reacts to. */

/** Callbacks for lifecycle events. */
export interface LifecycleEvents {
  /** The page is hidden, and may not be shown again. */
  hidden(): void;
  /** The page is visible again. */
  shown(): void;
  /** The page is being unloaded; nothing asynchronous can complete. */
  leaving(): void;
  /**
   * The program has nothing else to do. May be called repeatedly, because the recorder's work can keep the program
   * running.
   */
  idle(): void;
  /** The program exits now. */
  exiting(): void;
}

/** The lifecycle of the runtime. */
export interface Lifecycle {
  /** True if requests sent now must outlive the page. */
  isLeaving(): boolean;
  /**
   * Approximate number of bytes of events and links to sign together. A page being unloaded can send at most 60 KiB,
   * and must send a whole signed batch. The value elsewhere is below the body size limits of common proxies.
   */
  readonly batchBytes: number;
  /** Subscribes to lifecycle events and returns a function that unsubscribes. */
  follow(events: LifecycleEvents): () => void;
  /** Sets a failure exit status because the program exits without some of its events. */
  failed?(): void;
  /** Returns the function that keeps the current context alive, in runtimes where contexts end one by one. */
  holder?(): Promise<Hold>;
  /** Keeps the current context alive until the work is done, if the runtime's function for it is already loaded. */
  hold?: Hold;
}

/** Keeps the calling context alive until the work is done. */
export type Hold = (work: Promise<unknown>) => void;

/** The lifecycle of isolates, which end without notice. */
export const none: Lifecycle = { isLeaving: () => false, batchBytes: 96 << 10, follow: () => () => {} };

/** The lifecycle of the current runtime: a page, a program, or both. */
export const ofRuntime: Lifecycle = {
  isLeaving: () => inPage() && document.visibilityState === "hidden",
  get batchBytes() {
    return inPage() ? 48 << 10 : none.batchBytes;
  },
  follow(events) {
    const ends = [inPage() ? followPage(events) : [], program() ? followProgram(events) : []].flat();
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

/** Pages are hidden before they are unloaded, and often get no later event. */
function followPage({ hidden, shown, leaving }: LifecycleEvents): () => void {
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
  on(event: "beforeExit" | "exit", listener: () => void): unknown;
  off(event: "beforeExit" | "exit", listener: () => void): unknown;
}

/** Returns the process of Node.js, Deno, or Bun. Read from the global object because bundlers replace `process`. */
function program(): Program | undefined {
  const { process } = globalThis as { process?: Partial<Program> };
  return typeof process?.on === "function" && typeof process.off === "function" ? (process as Program) : undefined;
}

/** Recorders share one listener per event: Node.js warns about a leak if there are many. */
const followed = new Set<LifecycleEvents>();

const idle = () => {
  // Runs after the program's own listeners, which may still record.
  program()?.off("exit", exiting);
  program()?.on("exit", exiting);
  for (const events of [...followed]) {
    events.idle();
  }
};

/** Notifies all recorders that the program exits now. */
export const exiting = (): void => {
  for (const events of [...followed]) {
    events.exiting();
  }
};

function followProgram(events: LifecycleEvents): () => void {
  if (followed.size === 0) {
    program()?.on("beforeExit", idle);
    program()?.on("exit", exiting);
  }
  followed.add(events);
  return () => {
    followed.delete(events);
    if (followed.size === 0) {
      program()?.off("beforeExit", idle);
      program()?.off("exit", exiting);
    }
  };
}
