/** The parts of the platform's types that are used, from `wrangler types`. */

/** A statement's rows. */
export interface Cursor {
  raw(): Iterable<unknown[]>;
  readonly rowsWritten: number;
}

/** A Durable Object's storage with SQLite. */
export interface LogStorage {
  readonly sql: { exec(query: string, ...bindings: unknown[]): Cursor };
  transactionSync<T>(work: () => T): T;
  getAlarm(): Promise<number | null>;
  setAlarm(time: number): Promise<void>;
  /** Resolves when all writes are durable. */
  sync(): Promise<void>;
}

/** A Durable Object's id. */
export interface ObjectId {
  toString(): string;
  equals(other: ObjectId): boolean;
}

/** A Durable Object's state. */
export interface ObjectState {
  readonly id: ObjectId;
  readonly storage: LogStorage;
  abort(reason?: string): void;
}

/** A Durable Object namespace binding. */
export interface LogNamespace {
  idFromName(name: string): ObjectId;
  get(id: ObjectId): { fetch(request: Request): Promise<Response> };
}

/** An R2 bucket binding for tiles, which are never replaced. */
export interface TileBucket {
  get(key: string): Promise<{ readonly body: ReadableStream } | null>;
  /** Resolves to null if the condition fails. */
  put(key: string, value: Uint8Array, options: { onlyIf: { etagDoesNotMatch: string } }): Promise<object | null>;
}

/** An R2 bucket binding for copies that are deleted again. */
export interface ExportBucket {
  get(key: string): Promise<{
    readonly size: number;
    readonly body: ReadableStream;
    arrayBuffer(): Promise<ArrayBuffer>;
  } | null>;
  put(key: string, value: Uint8Array): Promise<object | null>;
  delete(keys: string[]): Promise<void>;
}

/** The environment that `CountersignLog` needs. */
export interface LogEnv {
  /** The namespace of the class itself. */
  LOG: LogNamespace;
  /** The log's private key, as a secret; for several logs, one per line. Each log is the object named like its key. */
  AUDIT_LOG_KEY: string;
  /** The text of the trust file: issuers, emitters, and witnesses. */
  AUDIT_TRUST: string;
  /** The readers who may access the log: the lines of `readers.txt`, which only contain hashes. */
  AUDIT_READERS?: string;
  /** Origins of pages that may send requests, separated by spaces, or `*`. */
  AUDIT_CORS?: string;
  /** Events per second that a key may submit on average. */
  AUDIT_QUOTA_EVENTS?: string;
  /** Bytes per second that a key may submit on average. */
  AUDIT_QUOTA_BYTES?: string;
  /** Burst size of the quotas, in seconds. */
  AUDIT_QUOTA_BURST?: string;
  /** The reads that are recorded on the log's own chain: `none`, `exports`, or `all`. */
  AUDIT_RECORD_READS?: string;
  /** `1` for a log with a log for each tenant. An existing log can't get tenants. */
  AUDIT_TENANTS?: string;
  /** When a log with tenants ticks: `changes`, which is the default, or an interval from `1s` to `20s`. */
  AUDIT_TICK?: string;
  /** Events per second for each tenant's log, from all keys together, on average. */
  AUDIT_QUOTA_TENANT_EVENTS?: string;
  /** Bytes per second for each tenant's log, from all keys together, on average. */
  AUDIT_QUOTA_TENANT_BYTES?: string;
  /** Maximum MiB of events that wait for a tick, from 1 to 64; 16 by default. */
  AUDIT_MAX_WAITING?: string;
  /** Not supported: the log rejects it, so that no one relies on it. */
  AUDIT_RETAIN?: string;
  /** Not supported: the log rejects it, so that no one relies on it. */
  AUDIT_HOLD?: string;
  /** Bucket for copies of full tiles and bundles, so that reading them doesn't wake the object. */
  TILES?: TileBucket;
  /** Bucket for sealed copies of an export's lines, so that they need not be generated for each reader. */
  EXPORTS?: ExportBucket;
}
