/** A Durable Object's storage on the SQLite of Node.js. */

import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Cursor, LogStorage } from "../platform.js";

/** Maximum number of prepared statements that are kept. */
const MAX_STATEMENTS = 256;
/** Maximum milliseconds of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class LocalStorage implements LogStorage {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #alarm: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the alarm is due, in milliseconds since the epoch. */
  #due: number | null = null;
  /** Number of transactions that are open, one within the other. */
  #depth = 0;
  #isClosed = false;

  readonly sql = { exec: (query: string, ...bindings: unknown[]): Cursor => this.#exec(query, bindings) };

  /**
   * Opens the database in this file, which no other process can open then; `null` keeps it in memory. `alarm` is called
   * when the alarm is due. Alarms are not stored: a log that opens sets its own.
   */
  constructor(file: string | null, alarm: () => void) {
    this.#alarm = alarm;
    this.#database = new DatabaseSync(file ?? ":memory:");
    if (file !== null) {
      // The write-ahead log is as durable as the log's answers, and an exclusive lock needs no shared memory.
      this.#database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    }
  }

  transactionSync<T>(work: () => T): T {
    const name = `t${this.#depth}`;
    this.#database.exec(`SAVEPOINT ${name}`);
    this.#depth += 1;
    try {
      const result = work();
      this.#database.exec(`RELEASE ${name}`);
      return result;
    } catch (error) {
      this.#database.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  async getAlarm(): Promise<number | null> {
    return this.#due;
  }

  async setAlarm(time: number): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#isClosed) {
      return;
    }
    this.#due = time;
    const wait = Math.min(Math.max(time - Date.now(), 0), MAX_TIMER_MS);
    this.#timer = setTimeout(() => {
      if (Date.now() < time) {
        void this.setAlarm(time);
        return;
      }
      this.#due = null;
      this.#alarm();
    }, wait);
  }

  /** Each write is durable when it returns, or is only in memory. */
  async sync(): Promise<void> {}

  /** Closes the database. No alarm follows. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#due = null;
    this.#database.close();
  }

  /** Runs statements. The bindings are those of the last one, whose rows are returned. */
  #exec(query: string, bindings: readonly unknown[]): Cursor {
    for (let rest = query; ; ) {
      const statement = this.#prepared(rest);
      const next = rest.slice(rest.indexOf(statement.sourceSQL) + statement.sourceSQL.length);
      if (!hasStatement(next)) {
        return run(statement, bindings as SQLInputValue[]);
      }
      statement.run();
      rest = next;
    }
  }

  #prepared(query: string): StatementSync {
    const known = this.#statements.get(query);
    if (known !== undefined) {
      return known;
    }
    const statement = this.#database.prepare(query);
    statement.setReturnArrays(true);
    if (this.#statements.size === MAX_STATEMENTS) {
      this.#statements.clear();
    }
    this.#statements.set(query, statement);
    return statement;
  }
}

function run(statement: StatementSync, bindings: readonly SQLInputValue[]): Cursor {
  if (statement.columns().length === 0) {
    const rowsWritten = Number(statement.run(...bindings).changes);
    return { rowsWritten, raw: () => [] };
  }
  const rows = statement.all(...bindings) as unknown as unknown[][];
  return { rowsWritten: 0, raw: () => rows.map((row) => row.map(platformValue)) };
}

/** Returns a value as the platform would: a blob as an `ArrayBuffer`. */
const platformValue = (value: unknown): unknown => (value instanceof Uint8Array ? value.slice().buffer : value);

/** True if the text has more than white space and comments. */
const hasStatement = (text: string): boolean => /^(?:\s|;|--.*(?:\n|$))*[^\s;-]/.test(text);
