/** NestJS. */

import { must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { mustRecord } from "../record/audit.js";
import type { Recorder } from "../record/recorder.js";

/** Milliseconds for which deliveries are retried when the program ends. */
const RETRY_FOR_MS = 5_000;

/** What the recorder is injected by: `@Inject(AUDIT) audit: Audit`. */
export const AUDIT = Symbol.for("countersign.audit");

/** How the recorder is closed. */
export interface NestOptions {
  /** Milliseconds for which failed deliveries are retried when the program ends. Default: 5000. */
  retryForMs?: number | undefined;
}

/** How the recorder is made from injected providers. */
export interface NestAsyncOptions extends NestOptions {
  /** Makes it, given what is injected. */
  useFactory: (...injected: never[]) => Recorder | Promise<Recorder>;
  /** What that is: classes, or tokens of other providers. */
  inject?: readonly unknown[] | undefined;
  /** Modules that have these providers. */
  imports?: readonly unknown[] | undefined;
}

/** A module as Nest takes it for one with `@Module`. */
export interface NestModule {
  // Nest's own types are in no declaration of this package, which must be there without Nest.
  // biome-ignore lint/suspicious/noExplicitAny: its lists are mutable, and of types that are Nest's alone.
  module: any;
  global: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  imports: any[];
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  providers: any[];
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  exports: any[];
}

/** Has a recorder injected where it is asked for, and closes it when the program ends. */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest names a module by its class.
export class AuditModule {
  /**
   * The module to import once, at the root: its recorder is for all others. The program starts when the recorder has.
   *
   *     imports: [AuditModule.forRoot(createRecorder({ key, to, log }))]
   *
   * Requests are recorded by `app.use(auditHttp(app.get(AUDIT)))` of `countersign/node`. The recorder is closed by
   * `app.close()`, and at a signal with `app.enableShutdownHooks()`.
   */
  static forRoot(audit: Recorder, options: NestOptions = {}): NestModule {
    mustRecord(audit);
    const { retryForMs = RETRY_FOR_MS } = ownOptions(options, ["retryForMs"]);
    return AuditModule.forRootAsync({ useFactory: () => audit, retryForMs });
  }

  /**
   * Like `forRoot`, with a recorder made from injected providers.
   *
   *     imports: [AuditModule.forRootAsync({ useFactory: (config: ConfigService) => createRecorder(…), inject: [ConfigService] })]
   */
  static forRootAsync(options: NestAsyncOptions): NestModule {
    const {
      useFactory,
      inject = [],
      imports = [],
      retryForMs = RETRY_FOR_MS,
    } = ownOptions(options, ["useFactory", "inject", "imports", "retryForMs"]);
    const hint = "AuditModule.forRootAsync({ useFactory: () => createRecorder({ key, to, log }) })";
    must(typeof useFactory === "function", "useFactory", "nothing makes a recorder", hint);
    for (const [member, given] of Object.entries({ inject, imports })) {
      must(Array.isArray(given), member, "no list", `give a list, or leave it out: ${member}: [ConfigService]`);
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
        // Nest looks at what is injected for hooks of its own, which a recorder has none of.
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
