import "reflect-metadata";
import { Controller, Delete, Get, Inject, Module, Param } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { type Audit, createRecorder } from "countersign";
import { AUDIT, AuditModule } from "countersign/nestjs";
import { auditHttp } from "countersign/node";
import { guard, options } from "../../options.mjs";

@Controller()
class Jobs {
  @Inject(AUDIT) declare audit: Audit;

  @Delete("jobs/:id")
  remove(@Param("id") id: string) {
    this.audit.record({ action: "job.delete", target: { type: "job", id } });
    return "deleted";
  }

  @Get("fails")
  fails() {
    throw new Error("of the handler's");
  }
}

@Module({ imports: [AuditModule.forRoot(createRecorder(options()))], controllers: [Jobs] })
class App {}

const app = await NestFactory.create(App, { logger: false, forceCloseConnections: true });
app.use(
  auditHttp<{ headers: Record<string, string> }>(app.get(AUDIT), {
    gate: guard,
    actor: ({ headers }) => headers["x-user"],
  }),
);
app.enableShutdownHooks();
await app.listen(0, "127.0.0.1");
console.log(`listening on ${app.getHttpServer().address().port}`);
