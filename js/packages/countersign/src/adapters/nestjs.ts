/** The adapter for NestJS. */

import { must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { mustRecord } from "../record/audit.js";
import type { Recorder } from "../record/recorder.js";

/** Milliseconds to retry deliveries when the program ends. */
const RETRY_FOR_MS = 5_000;

/** The injection token of the recorder: `@Inject(AUDIT) audit: Audit`. */
export const AUDIT = Symbol.for("countersign.audit");

/** Options of `AuditModule`. */
export interface NestOptions {
  /**
   * Milliseconds to retry failed deliveries when the program ends.
   *
   * @default 5000
   * @example
   * ```ts
   * retryForMs: 10_000
   * ```
   */
  retryForMs?: number | undefined;
}

/** Options of `AuditModule.forRootAsync`. */
export interface NestAsyncOptions extends NestOptions {
  /**
   * Creates the recorder from the injected providers.
   *
   * @example
   * ```ts
   * useFactory: (config) => createRecorder({ key: config.get("AUDIT_KEY"), to, log })
   * ```
   */
  useFactory: (...injected: never[]) => Recorder | Promise<Recorder>;
  /**
   * The providers to inject: classes or tokens.
   *
   * @default []
   * @example
   * ```ts
   * inject: [ConfigService]
   * ```
   */
  inject?: readonly unknown[] | undefined;
  /**
   * Modules that export these providers.
   *
   * @default []
   * @example
   * ```ts
   * imports: [ConfigModule]
   * ```
   */
  imports?: readonly unknown[] | undefined;
}

/** A NestJS dynamic module. */
export interface NestModule {
  // Nest's types are not used, so that the declarations of this package work without Nest.
  // biome-ignore lint/suspicious/noExplicitAny: the types of its mutable arrays are Nest's.
  module: any;
  global: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: a type of Nest's.
  imports: any[];
  // biome-ignore lint/suspicious/noExplicitAny: a type of Nest's.
  providers: any[];
  // biome-ignore lint/suspicious/noExplicitAny: a type of Nest's.
  exports: any[];
}

/** A module that provides a recorder for injection and closes it when the program ends. */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest names a module by its class.
export class AuditModule {
  /**
   * Returns the module to import once, in the root module. The program starts when the recorder has started.
   *
   * To record requests, add `app.use(auditHttp(app.get(AUDIT)))` with `auditHttp` from `countersign/node`. The recorder
   * is closed by `app.close()`, and on signals with `app.enableShutdownHooks()`.
   *
   * @example
   * ```ts
   * imports: [AuditModule.forRoot(createRecorder({ key, to, log }))]
   * ```
   */
  static forRoot(audit: Recorder, options: NestOptions = {}): NestModule {
    mustRecord(audit);
    const { retryForMs = RETRY_FOR_MS } = ownOptions(options, ["retryForMs"]);
    return AuditModule.forRootAsync({ useFactory: () => audit, retryForMs });
  }

  /**
   * Like `forRoot`, with a recorder created from injected providers.
   *
   * @example
   * ```ts
   * imports: [AuditModule.forRootAsync({ useFactory: (config: ConfigService) => createRecorder(…), inject: [ConfigService] })]
   * ```
   */
  static forRootAsync(options: NestAsyncOptions): NestModule {
    const {
      useFactory,
      inject = [],
      imports = [],
      retryForMs = RETRY_FOR_MS,
    } = ownOptions(options, ["useFactory", "inject", "imports", "retryForMs"]);
    const hint = "call AuditModule.forRootAsync({ useFactory: () => createRecorder({ key, to, log }) })";
    must(
      typeof useFactory === "function",
      "useFactory",
      "`useFactory` must be a function that creates a recorder",
      hint,
    );
    for (const [member, given] of Object.entries({ inject, imports })) {
      must(
        Array.isArray(given),
        member,
        `\`${member}\` must be an array`,
        `pass an array such as ${member}: [ConfigService], or omit it`,
      );
    }
    mustBeMillis(retryForMs, "retryForMs");
    const closing = Symbol("countersign.closing");
    const started = async (...injected: never[]) => {
      const recorder = await useFactory(...injected);
      mustRecord(recorder);
      return recorder.ready();
    };
    return {
      module: AuditModule,
      global: true,
      imports: [...imports],
      providers: [
        // Nest calls lifecycle hooks only on providers that have them, and a recorder has none.
        { provide: AUDIT, useFactory: started, inject: [...inject] },
        {
          provide: closing,
          useFactory: (recorder: Recorder) => ({ onApplicationShutdown: () => recorder.close({ retryForMs }) }),
          inject: [AUDIT],
        },
      ],
      exports: [AUDIT],
    };
  }
}
