/** `countersign dev` and `countersign record --to` of the npm package do what those of the native program do. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { PROGRAM, type RunResult } from "../conformance/program.ts";
import { eventually, until } from "../eventually.ts";
import { Installed } from "../package/installed.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = major < 22 || (major === 22 && minor < 16);
const skip = PROGRAM === undefined ? "the program is not built" : isOld && "this Node.js is too old";
const installed = new Installed("countersign");
const NPX = installed.path("node_modules", ".bin", "countersign");
const NATIVE = PROGRAM ?? "countersign";
const PROGRAMS = [
  ["npx countersign", NPX, NATIVE],
  ["the native program", NATIVE, NPX],
] as const;

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "countersign-dev-test-"));
  folders.push(made);
  return made;
};
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) {
    child.kill("SIGKILL");
  }
  for (const made of folders) {
    rmSync(made, { recursive: true });
  }
  installed.remove();
});

const environment = (here: string) => ({ PATH: process.env.PATH, HOME: here, TMPDIR: here, NO_COLOR: "1" });

/** Runs a program in a folder, with this standard input. */
function run(program: string, here: string, args: readonly string[], input = "", more = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const env = { ...environment(here), ...more };
    const child = execFile(program, args, { cwd: here, env }, (error, stdout, stderr) => {
      // WASI numbers the errors of the system in its own way, and hints name the program as its user runs it.
      const said = stderr.replaceAll(/\(os error[^)]*\)/g, "(os error)").replaceAll("npx countersign", "countersign");
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr: said });
    });
    // A program may end before it reads.
    child.stdin?.on("error", () => {}).end(input);
  });
}

/** A running `countersign dev`. */
class Dev {
  readonly here: string;
  readonly output = { stdout: "", stderr: "" };
  readonly child: ChildProcess;
  #isClosed = false;

  constructor(program: string | { readonly program: string; readonly here: string }, ...args: readonly string[]) {
    const { program: file, here } = typeof program === "string" ? { program, here: folder() } : program;
    this.here = here;
    const child = spawn(file, ["dev", "--listen", "127.0.0.1:0", ...args], {
      cwd: this.here,
      env: environment(this.here),
    });
    child.stdout.setEncoding("utf8").on("data", (text) => (this.output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (this.output.stderr += text));
    this.child = child;
    child.once("close", () => {
      this.#isClosed = true;
    });
    running.add(child);
  }

  async hears(stream: "stdout" | "stderr", text: RegExp): Promise<void> {
    await eventually(
      `dev prints ${text}`,
      () => this.output[stream],
      (said) => text.test(said),
    );
  }

  /** Returns a printed variable. */
  variable(name: string): string {
    return new RegExp(`^${name}=(.*)$`, "m").exec(this.output.stdout)?.[1] ?? assert.fail(`there is no ${name}`);
  }

  /** Returns the temporary folders that it has not deleted. */
  folders(): string[] {
    return readdirSync(this.here).filter((name) => name.startsWith("countersign-dev-"));
  }

  /** Waits for the end. Returns the exit status; null if a signal ended it. */
  async ends(): Promise<number | null> {
    await until("dev ends", () => this.#isClosed);
    running.delete(this.child);
    return this.child.exitCode;
  }
}

/** Returns a program that runs another one in a terminal of its own, with this standard input. */
function inTerminal(program: string, input: "/dev/tty" | "/dev/null"): string {
  const file = join(folder(), "terminal");
  writeFileSync(file, `#!/bin/sh\nexec script -qec "exec '${program}' $* <${input}" /dev/null\n`, { mode: 0o755 });
  return file;
}
const skipTerminal = process.platform !== "linux" && "the program script of util-linux is needed";

/** Returns the arguments that run JavaScript beside the log. */
function beside(script: string): string[] {
  const file = join(folder(), "app.mjs");
  writeFileSync(file, script);
  return ["--", process.execPath, file];
}

/** Replaces what differs between runs. */
const normal = (text: string): string =>
  text
    .replaceAll(/127\.0\.0\.1:\d+/g, "ADDRESS")
    .replaceAll(/\+[0-9a-f]{8}\+[\w+/=]+/g, "+KEY")
    .replaceAll(/csr_[0-9a-f]{64}/g, "TOKEN")
    .replaceAll(/\S+trust\.txt/g, "TRUST");

const EVENTS = [1, 2, 3].map((id) => JSON.stringify({ action: "job.delete", target: { type: "job", id: `${id}` } }));

describe("countersign dev", { skip }, () => {
  const outputs: { stdout: string; stderr: string }[] = [];

  for (const [name, program, other] of PROGRAMS) {
    test(`${name}: both programs record into the log, and its export verifies`, async () => {
      const dev = new Dev(program, "--temporary");
      await dev.hears("stderr", /listens on[\s\S]*console: /);
      assert.match(dev.output.stderr, /^✓ done: the log localhost\/dev listens on /);
      const [url, log, token] = ["AUDIT_URL", "AUDIT_LOG", "COUNTERSIGN_TOKEN"].map((name) => dev.variable(name));
      writeFileSync(join(dev.here, "app.key"), `${dev.variable("AUDIT_KEY")}\n`, { mode: 0o600 });
      writeFileSync(join(dev.here, "events.ndjson"), `${EVENTS.join("\n")}\n`);
      const record = ["record", "--key", "app.key", "--to", `${url}`, "--log", `${log}`];
      const [own, others] = [
        await run(program, dev.here, [...record, "events.ndjson"]),
        await run(other, dev.here, [...record, "events.ndjson"]),
      ];
      assert.deepEqual(own, others);
      assert.equal(own.status, 0, own.stderr);
      assert.match(own.stderr, /^✓ done: 3 events recorded, 3 proven to be in the log; the chain is closed$/m);

      const authorization = { authorization: `Bearer ${token}` };
      const exported = await (await fetch(`${url}/export`, { headers: authorization })).text();
      writeFileSync(join(dev.here, "all.ndjson"), exported);
      const [, trust = ""] = /trust: (\S+)/.exec(dev.output.stderr) ?? [];
      const verified = await run(other, dev.here, ["verify", "all.ndjson", "--trust", trust]);
      assert.match(verified.stdout, /^✓ Verified\. /);
      assert.equal(verified.status, 0, verified.stdout);
      assert.equal((await fetch(`${url}/export`)).status, 401);
      assert.match(await (await fetch(`${url}/`)).text(), /^<!doctype html>/i);

      dev.child.kill("SIGTERM");
      assert.equal(await dev.ends(), 0);
      assert.match(dev.output.stderr, /✓ done: deleted the log, its keys, and its events\n$/);
      assert.deepEqual(dev.folders(), []);
      outputs.push({ stdout: normal(dev.output.stdout), stderr: normal(dev.output.stderr) });
    });

    test(`${name}: a command gets the variables, and its status is the program's`, async () => {
      const script = `
        const { AUDIT_KEY, AUDIT_URL, AUDIT_LOG, COUNTERSIGN_TOKEN } = process.env;
        const { status } = await fetch(AUDIT_URL + "/checkpoint");
        console.log(JSON.stringify([AUDIT_KEY, AUDIT_LOG, COUNTERSIGN_TOKEN, status]));
        process.exitCode = 7;`;
      const dev = new Dev(program, "--", process.execPath, "--input-type=module", "--eval", script);
      assert.equal(await dev.ends(), 7, dev.output.stderr);
      const [key, log, token, status] = JSON.parse(dev.output.stdout);
      assert.match(key, /^PRIVATE\+KEY\+localhost\/dev-app\+/);
      assert.match(log, /^localhost\/dev\+/);
      assert.match(dev.output.stderr, new RegExp(`^ {2}token: ${token}$`, "m"));
      assert.equal(status, 200);
    });

    test(`${name}: writes the variables to a file that only its owner can read, and keeps other lines`, async () => {
      const here = folder();
      const file = join(here, ".env.local");
      writeFileSync(file, "DATABASE_URL=postgres://localhost", { mode: 0o644 });
      const texts: string[] = [];
      for (const _ of [1, 2]) {
        const dev = new Dev({ program, here }, "--env", ".env.local");
        await dev.hears("stderr", /variables: \.env\.local$/m);
        assert.equal(dev.output.stdout, "");
        const script = "process.stdout.write(await (await fetch(process.env.AUDIT_URL + '/checkpoint')).text())";
        const args = ["--env-file", ".env.local", "--input-type=module", "--eval", script];
        const { stdout, stderr } = await run(process.execPath, here, args);
        assert.match(stdout, /^localhost\/dev\n/, stderr);
        dev.child.kill("SIGTERM");
        assert.equal(await dev.ends(), 0);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        texts.push(normal(readFileSync(file, "utf8")));
      }
      const [first, second] = texts;
      assert.equal(
        first,
        "DATABASE_URL=postgres://localhost\n" +
          "# Written by `countersign dev`, which replaces the variables below.\n" +
          "AUDIT_KEY=PRIVATE+KEY+localhost/dev-app+KEY\nAUDIT_URL=http://ADDRESS\n" +
          "AUDIT_LOG=localhost/dev+KEY\nCOUNTERSIGN_TOKEN=TOKEN\n",
      );
      assert.equal(second, first);
      assert.deepEqual(readdirSync(here).sort(), [".countersign", ".env.local"]);
    });

    test(`${name}: replaces no variables that it didn't write`, async () => {
      const here = folder();
      const mine = "A=1\nAUDIT_URL=https://log.example\n";
      writeFileSync(join(here, ".env"), mine);
      const { status, stderr } = await run(program, here, ["dev", "--listen", "127.0.0.1:0", "--env", ".env"]);
      assert.equal(
        stderr,
        "✗ error[io.exists]: .env: line 2 sets AUDIT_URL, and `countersign dev` did not write that line\n" +
          "  hint: delete the line, or name another file\n",
      );
      assert.equal(status, 2);
      assert.equal(readFileSync(join(here, ".env"), "utf8"), mine);
    });

    test(`${name}: the file for variables is in a folder that doesn't exist`, async () => {
      const args = ["dev", "--listen", "127.0.0.1:0", "--env", "missing/.env"];
      const { status, stderr } = await run(program, folder(), args);
      assert.match(stderr, /✗ error\[io\.not_found\]: missing\/\.env: cannot write: /);
      assert.equal(status, 2);
    });

    test(`${name}: passes signals on, and waits for the command`, async () => {
      const script = `
        process.on("SIGTERM", () => setTimeout(() => process.exit(9), 100));
        setInterval(() => {}, 1000);
        console.log("ready");`;
      const dev = new Dev(program, "--", process.execPath, "--eval", script);
      await dev.hears("stdout", /ready/);
      dev.child.kill("SIGTERM");
      assert.equal(await dev.ends(), 9, dev.output.stderr);
    });

    test(`${name}: deletes the log, even if a signal comes after the command has ended`, async () => {
      const script = `
        process.on("SIGTERM", () => process.exit(9));
        setInterval(() => {}, 1000);
        console.log("ready");`;
      const dev = new Dev(program, "--temporary", ...beside(script));
      await dev.hears("stdout", /ready/);
      // A request in progress delays the end of the log.
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(dev.output.stderr) ?? assert.fail(dev.output.stderr);
      const socket = connect(Number(port), "127.0.0.1").on("error", () => {});
      await once(socket, "connect");
      socket.write("POST /submit HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n");
      dev.child.kill("SIGTERM");
      await dev.hears("stderr", /stopping: /);
      dev.child.kill("SIGTERM");
      socket.destroy();
      assert.equal(await dev.ends(), 9, dev.output.stderr);
      assert.deepEqual(dev.folders(), []);
    });

    test(`${name}: passes on SIGINT of a process, although there is a terminal`, { skip: skipTerminal }, async () => {
      const script = `
        process.on("SIGINT", () => process.exit(7));
        setInterval(() => {}, 1000);
        console.log("runs in " + process.ppid + ".");`;
      const dev = new Dev(inTerminal(program, "/dev/tty"), ...beside(script));
      await dev.hears("stdout", /runs in \d+\./);
      const [, parent] = /runs in (\d+)/.exec(dev.output.stdout) ?? [];
      process.kill(Number(parent), "SIGINT");
      assert.equal(await dev.ends(), 7, dev.output.stdout);
    });

    test(`${name}: a command that can't be run`, async () => {
      const dev = new Dev(program, "--", "./missing");
      assert.equal(await dev.ends(), 2);
      const error = "✗ error[io.not_found]: ./missing: cannot run: No such file or directory (os error 2)\n";
      assert.ok(dev.output.stderr.endsWith(`${error}  hint: check the command after \`--\`\n`), dev.output.stderr);
    });

    test(`${name}: the next run continues the log, and delivers what an outbox kept`, async () => {
      const here = folder();
      const script = beside(`
        import { createRecorder } from "${installed.path("node_modules/countersign/dist/countersign.js")}";
        import { fileOutbox } from "${installed.path("node_modules/countersign/dist/node.js")}";
        const audit = createRecorder({ outbox: fileOutbox("audit.outbox") });
        await audit.record({ action: "job.delete" }).delivered();
        const headers = { authorization: "Bearer " + process.env.COUNTERSIGN_TOKEN };
        const text = await (await fetch(process.env.AUDIT_URL + "/export", { headers })).text();
        console.log(process.env.AUDIT_KEY.slice(-20), text.split('"action":"job.delete"').length - 1);
        audit.record({ action: "job.delete" });
        await audit.flush({ retryForMs: 0 }).catch(() => {});
        // The chain stays open, as after a crash.
        process.exit(0);`);
      const printed: string[] = [];
      for (const _ of [1, 2]) {
        const dev = new Dev({ program, here }, ...script);
        assert.equal(await dev.ends(), 0, dev.output.stderr);
        printed.push(dev.output.stdout.trim());
      }
      const [key = ""] = printed[0]?.split(" ") ?? [];
      assert.deepEqual(printed, [`${key} 1`, `${key} 3`]);
      assert.equal(readFileSync(join(here, ".countersign/dev/.gitignore"), "utf8"), "*\n");
      for (const secret of ["app.key", "token", "log/log.key"]) {
        assert.equal(statSync(join(here, ".countersign/dev", secret)).mode & 0o777, 0o600, secret);
      }
      const { status, stderr } = await run(other, here, ["dev", "--listen", "127.0.0.1:0", "--", "true"]);
      assert.equal(status, 2);
      assert.match(
        stderr,
        /^✗ error\[io.exists\]: \.countersign\/dev: the folder contains the log of another program: /,
      );
    });

    test(`${name}: with --tenants, each tenant has a log of its own`, async () => {
      const here = folder();
      const script = beside(`
        import { createRecorder } from "${installed.path("node_modules/countersign/dist/countersign.js")}";
        const audit = createRecorder({ tenants: "create" });
        await audit.record({ tenant: "acme", action: "job.delete" }).delivered();
        await audit.record({ tenant: "beta", action: "user.invite" }).delivered();
        await audit.close();
        const headers = { authorization: "Bearer " + process.env.COUNTERSIGN_TOKEN };
        const get = async (path) => (await fetch(process.env.AUDIT_URL + path, { headers })).text();
        for (const line of (await get("/tenants")).trim().split("\\n")) {
          const { name, origin } = JSON.parse(line);
          const text = await get("/t/" + origin.slice(-32) + "/export");
          console.log(name, text.includes("job.delete"), text.includes("user.invite"));
        }`);
      for (const _ of [1, 2]) {
        const dev = new Dev({ program, here }, "--tenants", ...script);
        assert.equal(await dev.ends(), 0, dev.output.stderr);
        assert.equal(dev.output.stdout, "acme true false\nbeta false true\n");
      }
      const { status, stderr } = await run(program, here, ["dev", "--listen", "127.0.0.1:0", "--", "true"]);
      assert.equal(status, 2);
      assert.match(stderr, /^✗ error\[arguments.invalid\]: \.countersign\/dev: the folder's log has tenants/);
    });

    test(`${name}: only one server uses a folder`, async () => {
      const dev = new Dev(program);
      await dev.hears("stderr", /folder: \.countersign\/dev /);
      assert.equal((await fetch(`${dev.variable("AUDIT_URL")}/checkpoint`)).status, 200);
      const { status, stderr } = await run(program, dev.here, ["dev", "--listen", "127.0.0.1:0", "--", "true"]);
      assert.equal(
        stderr,
        "✗ error[server.in_use]: another server uses the log's folder .countersign/dev/log\n" +
          "  hint: stop the other server first: only one can write to a log\n",
      );
      assert.equal(status, 2);
      dev.child.kill("SIGTERM");
      assert.equal(await dev.ends(), 0);
    });

    test(`${name}: reads the trust file again when it changes, and keeps the last one that works`, async () => {
      const dev = new Dev(program);
      await dev.hears("stderr", /console: /);
      const { here } = dev;
      const vkey = (await run(NATIVE, here, ["keygen", "example.com/other", "-o", "other.key"])).stdout.trim();
      writeFileSync(join(here, "events.ndjson"), `${EVENTS.join("\n")}\n`);
      const to = ["--to", dev.variable("AUDIT_URL"), "--log", dev.variable("AUDIT_LOG")];
      const record = (giveUp: string) =>
        run(NATIVE, here, ["record", "--key", "other.key", ...to, "--give-up", giveUp, "events.ndjson"]);
      assert.match((await record("0s")).stderr, /3 events are not proven to be in the log/);
      const trust = join(here, ".countersign/dev/log/trust.txt");
      const before = readFileSync(trust, "utf8");
      writeFileSync(trust, `${before}emitter ${vkey}\n`);
      await dev.hears("stderr", /^✓ done: \.countersign\/dev\/log\/trust\.txt was read again$/m);
      assert.equal((await record("60s")).status, 0);
      writeFileSync(trust, "nothing useful\n");
      await dev.hears("stderr", /trust\.txt: (?:line 1: |the log can't use this file)/);
      assert.equal((await record("60s")).status, 0);
      dev.child.kill("SIGTERM");
      assert.equal(await dev.ends(), 0);
    });

    test(`${name}: an address in use`, async () => {
      await withServer([() => {}], async (url) => {
        const { host } = new URL(url);
        const here = folder();
        const { status, stderr } = await run(program, here, ["dev", "--port", new URL(url).port]);
        const error = `✗ error[io.failed]: ${host}: cannot listen at: Address already in use (os error)\n`;
        const hint =
          "stop the program that uses it, or choose another port with `--port N` (0 picks a free one); if `npm run dev` runs `countersign dev`, add it in package.json";
        assert.equal(stderr, `${error}  hint: ${hint}\n`);
        assert.equal(status, 2);
        assert.deepEqual(readdirSync(here), [], "a failed start leaves nothing behind");
        writeFileSync(join(here, ".env"), "AUDIT_KEY=mine\n");
        assert.equal((await run(program, here, ["dev", "--port", "0", "--env", ".env"])).status, 2);
        assert.deepEqual(readdirSync(here), [".env"]);
        // A folder from an earlier run stays.
        assert.equal((await run(program, here, ["init", "--template", "node", "app"])).status, 0);
        assert.equal((await run(program, join(here, "app"), ["dev", "--listen", host])).status, 2);
        assert.ok(readdirSync(join(here, "app/.countersign/dev")).includes("app.key"));
      });
    });

    test(`${name}: serves another page, and no other host name`, async () => {
      const here = folder();
      writeFileSync(join(here, "page.html"), "<!doctype html><title>mine</title>");
      const dev = new Dev(program, "--page", join(here, "page.html"));
      await dev.hears("stderr", /listens on/);
      const url = dev.variable("AUDIT_URL");
      assert.match(await (await fetch(url)).text(), /<title>mine</);
      const { port } = new URL(url);
      const asked = await run("curl", here, ["-s", "-H", "host: evil.example", `http://127.0.0.1:${port}/checkpoint`]);
      assert.equal(JSON.parse(asked.stdout).error.code, "request.host");
      dev.child.kill("SIGINT");
      assert.equal(await dev.ends(), 0);
    });
  }

  // The npm package's: test/log/dev-signals.test.ts.
  test("the native program: Ctrl-C reaches the command once", { skip: skipTerminal }, async () => {
    const script = `
      let interrupts = 0;
      process.on("SIGINT", () => console.log("interrupts: " + ++interrupts));
      process.on("SIGTERM", () => process.exit(10 + interrupts));
      setInterval(() => {}, 1000);
      console.log("runs in " + process.ppid + ".");`;
    const dev = new Dev(inTerminal(NATIVE, "/dev/null"), ...beside(script));
    await dev.hears("stdout", /runs in \d+\./);
    const [, parent] = /runs in (\d+)/.exec(dev.output.stdout) ?? [];
    dev.child.stdin?.write("\x03");
    await dev.hears("stdout", /interrupts: /);
    // It is passed on after a second SIGINT would have been.
    process.kill(Number(parent), "SIGTERM");
    assert.equal(await dev.ends(), 11, dev.output.stdout);
  });

  test("both programs print the same", () => {
    // The native program that is tested has no console, and says so.
    const [npx, native] = outputs.map(({ stdout, stderr }) => ({
      stdout,
      stderr: stderr.replace(/^ {2}console: .*\n/m, ""),
    }));
    assert.deepEqual(npx, native);
  });
});

/** Runs work with a server that gives these responses, the last one again and again. */
async function withServer<T>(
  answers: ((response: ServerResponse) => void)[],
  work: (url: string, requests: string[]) => Promise<T>,
): Promise<T> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    request.resume().once("end", () => (answers.length > 1 ? answers.shift() : answers[0])?.(response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("countersign record --to", { skip }, () => {
  const here = folder();
  const record = (program: string, url: string, ...more: string[]) =>
    run(program, here, ["record", "--key", "app.key", "--to", url, "--log", vkey, "--give-up", "0s", ...more]);
  let vkey = "";
  const prepare = async () => {
    const made = await run(NATIVE, here, ["keygen", "log.example", "-o", "log.key"]);
    vkey ||= made.stdout.trim();
    await run(NATIVE, here, ["keygen", "example.com/app", "-o", "app.key"]);
    writeFileSync(join(here, "events.ndjson"), `${EVENTS.join("\n")}\n`);
    writeFileSync(join(here, "broken.ndjson"), `${EVENTS[0]}\nnot JSON\n`);
    writeFileSync(join(here, "empty.ndjson"), "");
  };
  const answer = (status: number, headers: Record<string, string>, body: string) => (response: ServerResponse) =>
    void response.writeHead(status, headers).end(body);
  const refusal = JSON.stringify({
    error: { code: "key.unknown", message: "the key is unknown", hint: "ask for a grant" },
  });

  for (const [name, answers, file] of [
    ["the log refuses the key", [answer(403, {}, refusal)], "events.ndjson"],
    ["the log is busy", [answer(503, { "retry-after": "1" }, refusal)], "events.ndjson"],
    ["another server answers", [answer(200, {}, "<html>")], "events.ndjson"],
    ["redirected without the body", [answer(302, { location: "/x" }, "")], "events.ndjson"],
    ["redirected to another host", [answer(307, { location: "http://localhost:1/" }, "")], "events.ndjson"],
    ["no end of redirects", [answer(307, { location: "/submit" }, "")], "events.ndjson"],
    ["a line that is not an event", [answer(503, {}, refusal)], "broken.ndjson"],
    ["an empty file", [answer(503, {}, refusal)], "empty.ndjson"],
    ["no file", [answer(503, {}, refusal)], "missing.ndjson"],
  ] as const) {
    test(`${name}: both programs say so`, async () => {
      await prepare();
      const results: RunResult[] = [];
      for (const program of [NPX, NATIVE]) {
        const { stdout, stderr, ...rest } = await withServer([...answers], (url) => record(program, url, file));
        results.push({ ...rest, stdout: normal(stdout), stderr: normal(stderr) });
      }
      const [npx, native] = results;
      assert.deepEqual(npx, native);
      assert.notEqual(npx?.status, 0);
    });
  }

  for (const [name, isFile] of [
    ["an open standard input", false],
    ["a file", true],
  ] as const) {
    test(`a signal during ${name}: both programs report events that are lost`, async () => {
      await prepare();
      const results: unknown[] = [];
      for (const program of [NPX, NATIVE]) {
        // The server never responds.
        await withServer([answer(503, {}, refusal)], async (url) => {
          const args = ["record", "--key", "app.key", "--to", url, "--log", vkey, "--flush-every", "10ms"];
          const child = spawn(program, isFile ? [...args, "events.ndjson"] : args, {
            cwd: here,
            env: environment(here),
          });
          running.add(child);
          let said = "";
          child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
          child.stdin.on("error", () => {}).write(`${EVENTS[0]}\n`);
          await eventually(
            "delivery fails",
            () => said,
            (text) => text.includes("delivery failed"),
          );
          child.kill("SIGINT");
          const [status, signal] = await once(child, "close");
          running.delete(child);
          results.push([
            status,
            signal,
            normal(said)
              .replaceAll(/retrying in \d+ s/g, "retrying")
              .replaceAll("npx countersign", "countersign"),
          ]);
        });
      }
      const [npx, native] = results as [[number, null, string], unknown];
      assert.deepEqual(npx, native);
      const lost = isFile
        ? /3 events are not proven to be in the log \(lost/
        : /1 event is not proven to be in the log \(lost/;
      assert.match(npx[2], lost);
      assert.notEqual(npx[0], 0);
    });
  }

  test("npx countersign: a second signal ends it at once", async () => {
    await prepare();
    await withServer([answer(503, {}, refusal)], async (url) => {
      const args = ["record", "--key", "app.key", "--to", url, "--log", vkey, "events.ndjson"];
      const child = spawn(NPX, args, { cwd: here, env: environment(here) });
      running.add(child);
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
      await eventually(
        "delivery fails",
        () => said,
        (text) => text.includes("delivery failed"),
      );
      const closed = once(child, "close");
      const kill = setInterval(() => child.kill("SIGTERM"), 50);
      const [, signal] = await closed;
      clearInterval(kill);
      running.delete(child);
      assert.equal(signal, "SIGTERM");
    });
  });

  test("no server: both programs say so", async () => {
    await prepare();
    const closed = await withServer([() => {}], async (url) => url);
    assert.deepEqual(await record(NPX, closed, "events.ndjson"), await record(NATIVE, closed, "events.ndjson"));
  });

  test("standard input is sent as it arrives, and each event is in the log once, although answers are lost", async () => {
    const dev = new Dev(NPX);
    await dev.hears("stderr", /listens on/);
    const [log, token] = [dev.variable("AUDIT_URL"), dev.variable("COUNTERSIGN_TOKEN")];
    let requests = 0;
    const proxy = createServer(async (request, response) => {
      const chunks = await request.toArray();
      const answered = await fetch(`${log}${request.url}`, { method: "POST", body: Buffer.concat(chunks) });
      requests += 1;
      // The log has the events, but the recorder doesn't know.
      requests % 2 === 1 ? response.destroy() : response.writeHead(answered.status).end(await answered.text());
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    writeFileSync(join(dev.here, "app.key"), `${dev.variable("AUDIT_KEY")}\n`, { mode: 0o600 });
    const args = ["record", "--key", "app.key", "--to", url, "--log", dev.variable("AUDIT_LOG"), "--json"];
    const child = spawn(NPX, args, { cwd: dev.here, env: environment(dev.here) });
    running.add(child);
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
    const inLog = async () => {
      const headers = { authorization: `Bearer ${token}` };
      const text = await (await fetch(`${log}/export`, { headers })).text();
      return [...text.matchAll(/"action":"(job\.\w+)"/g)].map(([, action]) => action);
    };
    child.stdin.write('{"action":"job.first"}\n');
    await eventually("the first event is in the log", inLog, (actions) => actions.includes("job.first"));
    child.stdin.end('{"action":"job.second"}\n{"action":"job.third"}\n');
    const [status] = await once(child, "close");
    running.delete(child);
    assert.equal(status, 0);
    const { recorded, proven, waiting } = JSON.parse(printed);
    assert.deepEqual({ recorded, proven, waiting }, { recorded: 3, proven: 3, waiting: 0 });
    assert.deepEqual(await inLog(), ["job.first", "job.second", "job.third"]);
    proxy.closeAllConnections();
    proxy.close();
    dev.child.kill();
    assert.equal(await dev.ends(), 0);
  });
});
