/** What is needed of the platform: a part of what `wrangler types` gives. */

/** A statement's rows. */
export interface Cursor {
  raw(): Iterable<unknown[]>;
  readonly rowsWritten: number;
}

/** A Durable Object's storage, with SQLite. */
export interface LogStorage {
  readonly sql: { exec(query: string, ...bindings: unknown[]): Cursor };
  transactionSync<T>(work: () => T): T;
  getAlarm(): Promise<number | null>;
  setAlarm(time: number): Promise<void>;
  /** Waits until all that was written is durable. */
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

/** The binding of a namespace of Durable Objects. */
export interface LogNamespace {
  idFromName(name: string): ObjectId;
  get(id: ObjectId): { fetch(request: Request): Promise<Response> };
}

/** The binding of an R2 bucket. */
export interface TileBucket {
  get(key: string): Promise<{ readonly body: ReadableStream } | null>;
  /** Gives nothing when the condition is not met. */
  put(key: string, value: Uint8Array, options: { onlyIf: { etagDoesNotMatch: string } }): Promise<object | null>;
}

/** The binding of an R2 bucket for copies that are deleted again. */
export interface ExportBucket {
  get(key: string): Promise<{
    readonly size: number;
    readonly body: ReadableStream;
    arrayBuffer(): Promise<ArrayBuffer>;
  } | null>;
  put(key: string, value: Uint8Array): Promise<object | null>;
  delete(keys: string[]): Promise<void>;
}

/** What `CountersignLog` finds in the Worker's environment. */
export interface LogEnv {
  /** The namespace of the class itself. */
  LOG: LogNamespace;
  /** The log's private key, a secret; of several logs one a line. Each is the object whose name is its key's. */
  AUDIT_LOG_KEY: string;
  /** The trust file's text: issuers, emitters and witnesses. */
  AUDIT_TRUST: string;
  /** Who may read: the lines of `readers.txt`, which have hashes alone. */
  AUDIT_READERS?: string;
  /** The origins of pages that may ask, with blanks between them, or `*`. */
  AUDIT_CORS?: string;
  /** How many events a second a key may bring, over time. */
  AUDIT_QUOTA_EVENTS?: string;
  /** How many bytes a second. */
  AUDIT_QUOTA_BYTES?: string;
  /** How many seconds' worth of these may come at once after a rest. */
  AUDIT_QUOTA_BURST?: string;
  /** Which reads are recorded on the log's own chain: `none`, `exports` or `all`. */
  AUDIT_RECORD_READS?: string;
  /** Where full tiles and bundles are copied to, so that they are read without the object. */
  TILES?: TileBucket;
  /** Where an export's lines are copied to, sealed, so that they are not made anew for each reader. */
  EXPORTS?: ExportBucket;
}
