/** An outbox within a program's own transactions, in PostgreSQL. */

export type { Connection, PgClient, PostgresClient, SqlClient } from "./postgres/client.js";
export { outboxTables } from "./postgres/client.js";
export { type Drainer, type DrainOptions, type DrainStatus, drainer } from "./postgres/drainer.js";
export {
  type PostgresOutbox,
  type PostgresOutboxOptions,
  postgresOutbox,
} from "./postgres/outbox.js";
