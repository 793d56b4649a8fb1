/**
 * The entry `countersign/postgres`: recording in a program's own PostgreSQL transactions.
 *
 * @module
 */

export {
  type Connection,
  outboxTables,
  type PgClient,
  type PostgresClient,
  type SqlClient,
} from "./postgres/client.js";
export { type Drainer, type DrainOptions, type DrainStatus, drainer } from "./postgres/drainer.js";
export {
  type PostgresRecorder,
  type PostgresRecorderOptions,
  postgresRecorder,
} from "./postgres/outbox.js";
