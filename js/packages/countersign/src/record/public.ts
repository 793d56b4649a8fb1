/** Exports of recording entry points that don't need the WebAssembly module. */

export type { AnchorProof, Evidence } from "../deliver/evidence.js";
export type { LogServerOptions } from "../deliver/log-server.js";
export type { LastProof } from "../deliver/sender.js";
export { CountersignError, type ErrorCode } from "../error.js";
export type { Change, Entry, Outbox, ValueStore } from "../outbox/outbox.js";

export {
  type ChunkPosition,
  type Memory,
  memory,
  type StoringTransport,
  type Transport,
  type TransportFunction,
  type TransportObject,
} from "../transport/transport.js";
export type { Audit, FlushOptions, NamedRequest, Scope, Status } from "./audit.js";

export type { CreateRecorder, GeneratedKey, GenerateKey } from "./create.js";
export type {
  ActionOf,
  Actor,
  ActorInput,
  ActorTuple,
  AuditEvent,
  Catalog,
  Context,
  EventInput,
  EventOf,
  FieldsArgument,
  FieldsOf,
  HttpRequest,
  Intermediary,
  KnownAction,
  Members,
  OnBehalfOf,
  OnBehalfOfInput,
  Target,
  TargetInput,
  TargetTuple,
} from "./event.js";
export type { Handle, Receipt } from "./handle.js";
export type {
  AutoFlushOptions,
  CommonOptions,
  LogOptions,
  RecorderOptions,
  RedactOptions,
  TenantsOption,
  TransportOptions,
} from "./options.js";
export type { Recorder } from "./recorder.js";
export type { Service } from "./service.js";
export type { KeyHandle, Signer } from "./signer.js";
export { generateKeyHandle } from "./webcrypto.js";
