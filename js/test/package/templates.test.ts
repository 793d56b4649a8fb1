/** Creates the projects of `init --template` with both programs, and runs them until their log has an event. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { PROGRAM } from "../conformance/program.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { Installed } from "./installed.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = major < 22 || (major === 22 && minor < 16);
const skip = PROGRAM === undefined ? "the program is not built" : isOld && "this Node.js is too old";
const run = promisify(execFile);

interface Template {
  /** The file with the variables. */
  readonly secret: string;
  readonly files: readonly string[];
  /** Files with code, which fit on a screen together. */
  readonly code: readonly string[];
  /** Packages of the framework. */
  readonly packages: readonly string[];
  /** Arguments of a build, after `node_modules`. */
  readonly build: readonly string[] | undefined;
  /** Returns the arguments that set the port. */
  readonly port: (port: number) => string;
}

const TEMPLATES: Readonly<Record<string, Template>> = {
  node: {
    secret: ".env",
    files: [".countersign", ".env", ".gitignore", "README.md", "package.json", "server.js"],
    code: ["server.js"],
    packages: [],
    build: undefined,
    port: () => "",
  },
  worker: {
    secret: ".dev.vars",
    files: [".countersign", ".dev.vars", ".gitignore", "README.md", "package.json", "src", "wrangler.json"],
    code: ["src/worker.js"],
    packages: ["wrangler"],
    build: ["wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", "out"],
    port: (port) => ` --port ${port} --inspector-port 0`,
  },
  next: {
    secret: ".env.local",
    files: [
      ".countersign",
      ".env.local",
      ".gitignore",
      "README.md",
      "app",
      "audit.ts",
      "next.config.ts",
      "package.json",
      "tsconfig.json",
    ],
    code: ["audit.ts", "app/jobs/[id]/route.ts", "app/layout.tsx", "app/page.tsx"],
    packages: ["next", "react", "react-dom", "@types/node", "@types/react", "typescript"],
    build: ["next/dist/bin/next", "build"],
    port: (port) => ` --port ${port}`,
  },
};

describe("init --template", { skip }, () => {
  const installed = new Installed("countersign");
  const npx = installed.path("node_modules", ".bin", "countersign");
  const running = new Set<ChildProcess>();
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", WRANGLER_SEND_METRICS: "false", NODE_OPTIONS: "" };
  after(() => {
    for (const child of running) {
      child.kill("SIGKILL");
    }
    installed.remove();
  });

  for (const [name, program] of [
    ["npx countersign", npx],
    ["the native program", PROGRAM ?? ""],
  ] as const) {
    for (const [template, { secret, files, code }] of Object.entries(TEMPLATES)) {
      test(`${name}: ${template} has the files, and is not overwritten`, async () => {
        const folder = installed.path(`${template}-${program === npx ? "npx" : "native"}`);
        const create = () => run(program, ["init", "--template", template, folder], { env: { ...env, NO_COLOR: "1" } });
        const { stderr } = await create();
        assert.match(stderr, /created .* that records events\n {2}next: cd .* && npm install .*&& npm run dev\n$/);
        assert.deepEqual(readdirSync(folder).sort(), [...files].sort());
        assert.equal(statSync(join(folder, secret)).mode & 0o777, 0o600);
        const lines = code.flatMap((file) => readFileSync(join(folder, file), "utf8").trimEnd().split("\n"));
        assert.ok(lines.length <= 30, `${lines.length} lines`);
        assert.ok(readFileSync(join(folder, "README.md"), "utf8").trimEnd().split("\n").length <= 15);
        const key = readFileSync(join(folder, secret), "utf8");
        await assert.rejects(create(), { code: 2, stderr: /✗ error\[io\.exists\]: .*: the file already exists\n/ });
        assert.equal(readFileSync(join(folder, secret), "utf8"), key);
      });
    }
  }

  /** Files of an existing Next.js project, the files that are added, or the file that is not overwritten. */
  const EXISTING: readonly { has: Readonly<Record<string, string>>; added?: readonly string[]; refused?: string }[] = [
    { has: { "app/page.tsx": "", "README.md": "" }, added: ["audit.ts", "app/jobs/[id]/route.ts"] },
    { has: { "src/app/page.tsx": "" }, added: ["src/audit.ts", "src/app/jobs/[id]/route.ts"] },
    {
      has: { ".gitignore": "/node_modules\n.env*", ".env.local": "A=1\n" },
      added: ["audit.ts", "app/jobs/[id]/route.ts"],
    },
    { has: { "audit.ts": "mine" }, refused: "audit.ts" },
    { has: { "app/jobs/[id]/route.ts": "mine" }, refused: "app/jobs/[id]/route.ts" },
    { has: { "src/app/page.tsx": "", "src/audit.ts": "mine" }, refused: "src/audit.ts" },
  ];
  for (const [index, { has, added, refused }] of EXISTING.entries()) {
    test(`an existing project with ${Object.keys(has)} ${refused ? "is refused" : "is extended"}`, async () => {
      const outcomes = [];
      for (const program of [npx, PROGRAM ?? ""]) {
        const folder = installed.path(`existing-${index}-${program === npx ? "npx" : "native"}`);
        const files = { "package.json": "{}", ...has };
        for (const [path, text] of Object.entries(files)) {
          mkdirSync(dirname(join(folder, path)), { recursive: true });
          writeFileSync(join(folder, path), text);
        }
        const args = ["init", "--template", "next"];
        const ran = run(program, args, { cwd: folder, env: { ...env, NO_COLOR: "1" } });
        const { stderr, code = 0 } = await ran.catch((error) => error);
        const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
          .filter((path) => !path.startsWith(".countersign"));
        const ignored = refused ? [] : readFileSync(join(folder, ".gitignore"), "utf8").split("\n");
        outcomes.push({ stderr, code, paths: paths.sort(), ignored });
        for (const [path, text] of Object.entries(files)) {
          const now = readFileSync(join(folder, path), "utf8");
          assert.ok(path === ".gitignore" ? now.startsWith(text) : now === text, `${path} is unchanged`);
        }
      }
      const [outcome, other] = outcomes;
      assert.deepEqual(outcome, other, "both programs do the same");
      const { stderr, code, paths, ignored } = outcome ?? assert.fail();
      if (refused !== undefined) {
        assert.match(stderr, /^✗ error\[io\.exists\]: .*: the file already exists\n/);
        assert.ok(stderr.includes(refused), stderr);
        assert.deepEqual([code, paths], [2, ["package.json", ...Object.keys(has)].sort()]);
        return;
      }
      const all = new Set(["package.json", ".gitignore", ".env.local", ...Object.keys(has), ...(added ?? [])]);
      assert.deepEqual([code, paths], [0, [...all].sort()]);
      for (const line of ["node_modules", ".countersign", ".env*.local", "audit.outbox*"]) {
        assert.equal(ignored.filter((found) => found.replace("/", "") === line).length, 1, line);
      }
    });
  }

  for (const [template, { secret, packages, build, port }] of Object.entries(TEMPLATES)) {
    test(`${template}: installs, builds, and records a verified event`, { timeout: 240_000 }, async () => {
      const folder = installed.path(template);
      await run(npx, ["init", "--template", template, folder]);
      const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const dependencies: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };
      const own = JSON.parse(readFileSync(installed.path("node_modules/countersign/package.json"), "utf8")).version;
      assert.equal(dependencies.countersign, own);

      // The versions of this workspace, which are installed from it in place of a registry.
      installed.copy(folder, ...packages);
      const versions = packages.map((name) => {
        const text = readFileSync(join(folder, "node_modules", name, "package.json"), "utf8");
        return [name, JSON.parse(text).version] as const;
      });
      assert.deepEqual(dependencies, { countersign: own, ...Object.fromEntries(versions) });
      await unpack(installed.tarball("countersign").path, join(folder, "node_modules/countersign"));
      linkPrograms(folder, "countersign", ...packages);

      // Free ports.
      const [log, app] = [await freePort(), await freePort()];
      const dev = manifest.scripts.dev.replace("dev ", `dev --listen 127.0.0.1:${log} `) + port(app);
      writeFileSync(join(folder, "package.json"), JSON.stringify({ ...manifest, scripts: { dev } }));
      if (build !== undefined) {
        const [file = "", ...args] = build;
        await run(process.execPath, [join(folder, "node_modules", file), ...args], { cwd: folder, env });
      }

      const child = spawn("npm", ["run", "dev"], { cwd: folder, env: { ...env, PORT: String(app) }, detached: true });
      running.add(child);
      let said = "";
      child.stdout.on("data", (data) => (said += data));
      child.stderr.on("data", (data) => (said += data));
      const remove = async () => {
        try {
          return await (await fetch(`http://127.0.0.1:${app}/jobs/42`, { method: "DELETE" })).text();
        } catch {
          return said;
        }
      };
      try {
        await eventually("the app responds", remove, (text) => text === "deleted\n", 120_000);
        const token = readFileSync(join(folder, ".countersign/dev/token"), "utf8").trim();
        const file = join(folder, "export.ndjson");
        const exported = async () => {
          const headers = { authorization: `Bearer ${token}` };
          writeFileSync(file, await (await fetch(`http://127.0.0.1:${log}/export`, { headers })).text());
          return readFileSync(file, "utf8");
        };
        await eventually("the log has the event", exported, (text) => text.includes('"action":"job.delete"'));
        const trust = join(folder, ".countersign/dev/log/trust.txt");
        const variables = readFileSync(join(folder, secret), "utf8");
        assert.ok(variables.includes(`AUDIT_URL=http://127.0.0.1:${log}\nAUDIT_LOG=`), "the variables are renewed");
        assert.ok(variables.includes(`COUNTERSIGN_TOKEN=${token}\n`));
        const verified = await run(npx, ["verify", file, "--trust", trust]);
        assert.match(verified.stdout, /^✓ Verified\./);
      } finally {
        if (child.pid !== undefined) {
          // npm and what it runs.
          process.kill(-child.pid, "SIGTERM");
        }
        await once(child, "close");
        running.delete(child);
      }
    });
  }
});

async function unpack(tarball: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"]);
}

/** Links the programs of installed packages, as npm does. */
function linkPrograms(folder: string, ...packages: readonly string[]): void {
  mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
  for (const name of packages) {
    const home = join(folder, "node_modules", name);
    const { bin = {} } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const programs = typeof bin === "string" ? { [name]: bin } : (bin as Record<string, string>);
    for (const [program, path] of Object.entries(programs)) {
      symlinkSync(join(home, path), join(folder, "node_modules/.bin", program));
      chmodSync(join(home, path), 0o755);
    }
  }
}
