/** Builds the app of `docs/quickstart-nextjs.md` with Turbopack, and runs it in production with a log. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { createRecorder } from "countersign";
import { launch } from "../chromium.ts";
import { PROGRAM, verify } from "../conformance/program.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { TenantServer } from "../tenants/server.ts";
import { Installed } from "./installed.ts";

const run = promisify(execFile);
const page = readFileSync(new URL("../../../docs/quickstart-nextjs.md", import.meta.url), "utf8");
/** The files of the page: a path, and the code that follows. */
const FILES = [...page.matchAll(/^`([^`\n]+\.tsx?)`:\n\n```tsx?\n(.*?)^```$/gms)].map(([, path = "", code = ""]) => ({
  path,
  code,
}));

/** The test of `docs/testing.md`, which must compile in the same project. */
const testing = readFileSync(new URL("../../../docs/testing.md", import.meta.url), "utf8");
const [, TEST = assert.fail()] = /^```ts\n(.*?vi\.mock.*?)^```$/ms.exec(testing) ?? [];

const MAX_EXIT_MS = 30_000;

/** A session that a developer could write: `user tenant role` in a cookie. */
const SESSION = `import { cookies } from "next/headers";

export async function getSession() {
  const [user, tenant, role] = (await cookies()).get("session")?.value.split(".") ?? [];
  return user && tenant && role ? { user, tenant, role } : undefined;
}
`;
const ADMIN = "ada.acme.admin";
const as = (session: string) => ({ headers: { cookie: `session=${session}` } });

/** What `create-next-app` adds. */
const LAYOUT = `export default function Layout({ children }: { children: React.ReactNode }) {
  return <html lang="en"><body>{children}</body></html>;
}
`;
const USERS = `import { removeUser } from "./actions";
export default function Page() {
  return <form action={removeUser}><input name="id" /><button>Remove</button></form>;
}
`;
/** The wrapper that also records requests without a session. */
const [HTTP = assert.fail()] = /^export const audited = auditNext\(options, \{\n.*?^\}\);\n/ms.exec(page) ?? [];
const TSCONFIG = {
  compilerOptions: {
    target: "ES2022",
    lib: ["dom", "dom.iterable", "esnext"],
    strict: true,
    noEmit: true,
    esModuleInterop: true,
    module: "esnext",
    moduleResolution: "bundler",
    resolveJsonModule: true,
    isolatedModules: true,
    jsx: "react-jsx",
    types: ["node"],
  },
  include: ["next-env.d.ts", "**/*.ts", "**/*.tsx", ".next/types/**/*.ts"],
  exclude: ["node_modules"],
};

describe("quickstart: Next.js", { skip: serve.skip, timeout: 300_000 }, () => {
  const installed = new Installed("countersign", "@countersign/viewer");
  const folder = installed.folder;
  const next = join(folder, "node_modules/next/dist/bin/next");
  let log: Awaited<ReturnType<typeof serve.start>>;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    log = await serve.start(SETUP);
    env = {
      ...process.env,
      NEXT_TELEMETRY_DISABLED: "1",
      NODE_OPTIONS: "",
      NODE_ENV: "production",
      AUDIT_KEY: EMITTERS[0].secret,
      AUDIT_LOG: LOG.vkey,
      AUDIT_URL: log.url,
      COUNTERSIGN_TOKEN: AUDITOR,
    };
    rmSync(installed.path("test"), { recursive: true });
    installed.copy(folder, "next", "react", "react-dom", "typescript", "@types/node", "@types/react", "vitest");
    const others = [
      { path: "app/layout.tsx", code: LAYOUT },
      { path: "app/users/page.tsx", code: USERS },
      { path: "tsconfig.json", code: JSON.stringify(TSCONFIG) },
      { path: "next.config.mjs", code: "export default { typescript: { ignoreBuildErrors: true } };\n" },
      { path: "public/trust.txt", code: SETUP.trust },
      { path: "actions.test.ts", code: TEST },
    ];
    for (const { path, code } of [...FILES, ...others]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), code);
    }
    await build();
  });
  after(async () => {
    await log.close();
    installed.remove();
  });

  const build = () => run(process.execPath, [next, "build"], { cwd: folder, env });

  /** Runs `next start` until `work` is done, and returns what it wrote. */
  async function serving(work: (url: string) => Promise<void>): Promise<string> {
    const server: ChildProcess = spawn(process.execPath, [next, "start", "--port", "0"], { cwd: folder, env });
    let said = "";
    server.stderr?.on("data", (data) => (said += data));
    try {
      let url = "";
      for await (const line of createInterface({ input: server.stdout ?? assert.fail() })) {
        said += `${line}\n`;
        url = /http:\/\/localhost:\d+/.exec(line)?.[0] ?? url;
        if (/Ready/.test(line)) {
          break;
        }
      }
      server.stdout?.resume();
      await work(url);
    } finally {
      const exited = once(server, "exit");
      server.kill("SIGTERM");
      const late = setTimeout(() => server.kill("SIGKILL"), MAX_EXIT_MS);
      await exited;
      clearTimeout(late);
    }
    return said;
  }

  /** Waits until the log has deletions of exactly these jobs. */
  const deleted = (...ids: string[]) =>
    eventually(
      `the log has the deletions of ${ids}`,
      async () => {
        const response = await fetch(`${log.url}/export`, { headers: { authorization: `Bearer ${AUDITOR}` } });
        const text = await response.text();
        const found = [...text.matchAll(/"target":\{"id":"([^"]+)","type":"job"\}/g)].map(([, id]) => id);
        return { text, found: found.sort() };
      },
      ({ found }) => JSON.stringify(found) === JSON.stringify(ids),
      20_000,
    );

  /** Records deletions of jobs, and waits until the log has them. */
  const record = async (...jobs: readonly { tenant: string; id: string }[]) => {
    const audit = createRecorder({ key: EMITTERS[1].secret, log: LOG.vkey, to: log.url });
    for (const { tenant, id } of jobs) {
      audit.record({ tenant, action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id } });
    }
    await audit.close();
  };

  const byRoute = async (url: string, id: string) => {
    const response = await fetch(`${url}/jobs/${id}`, { method: "DELETE" });
    assert.equal(await response.text(), "deleted\n");
  };
  const byAction = async (url: string, id: string, status = 200, init: RequestInit = {}) => {
    // A form without scripts.
    const html = await (await fetch(url, init)).text();
    const [, action = ""] = /name="(\$ACTION_ID_[0-9a-f]+)"/.exec(html) ?? [];
    const body = new FormData();
    body.set(action, "");
    body.set("id", id);
    assert.equal((await fetch(url, { method: "POST", body, ...init })).status, status);
  };

  test("has all of its files", () => {
    const paths = FILES.map(({ path }) => path);
    const expected = ["audit.ts", "app/jobs/[id]/route.ts", "app/actions.ts", "app/page.tsx"];
    assert.deepEqual(paths.slice(0, 4), expected);
    const users = ["session.ts", "app/users/[id]/role/route.ts", "app/users/actions.ts"];
    const trail = ["viewer", "load", "page"].map((name) => `app/trail/${name}.tsx`);
    const viewer = ["forward.ts", "app/audit/[...path]/route.ts", ...trail];
    const own = ["customers.ts", "app/own/[...path]/route.ts"];
    assert.deepEqual(paths.slice(4), [...users, ...viewer, ...own, "instrumentation.ts"]);
  });

  test("compiles, with the types that Next.js generates", async () => {
    const { stdout } = await run(process.execPath, [join(folder, "node_modules/typescript/bin/tsc"), "-p", "."], {
      cwd: folder,
    }).catch((error) => error);
    assert.equal(stdout, "");
  });

  test("a route handler, then a server action", async () => {
    const said = await serving(async (url) => {
      await byRoute(url, "1-route");
      await byAction(url, "2-action");
      await deleted("1-route", "2-action");
    });
    assert.doesNotMatch(said, /countersign|recorder\.lost|outbox/);
  });

  test("a server action, then a route handler, from the outbox that the last run left", async () => {
    assert.ok(existsSync(join(folder, "audit.outbox")));
    const said = await serving(async (url) => {
      await byAction(url, "3-action");
      await byRoute(url, "4-route");
      const { text } = await deleted("1-route", "2-action", "3-action", "4-route");
      assert.equal((await verify(text)).verdict, "verified");
    });
    assert.doesNotMatch(said, /countersign|recorder\.lost|outbox/);
  });

  test("the start delivers what waits in the outbox, without a call", async () => {
    const { AUDIT_URL } = env;
    env.AUDIT_URL = "http://127.0.0.1:9";
    await serving(async (url) => {
      await byRoute(url, "5-waiting");
    });
    env.AUDIT_URL = AUDIT_URL;
    const said = await serving(async () => {
      await deleted("1-route", "2-action", "3-action", "4-route", "5-waiting");
    });
    assert.doesNotMatch(said, /countersign|recorder\.lost|outbox/);
    await serving(async (url) => {
      await byRoute(url, "6-shared");
      await deleted("1-route", "2-action", "3-action", "4-route", "5-waiting", "6-shared");
    });
  });

  test("the code of the page refuses everyone", async () => {
    await serving(async (url) => {
      assert.equal((await fetch(`${url}/trail`, as(ADMIN))).status, 404);
      for (const path of ["export", "stream", "checkpoint", "tile/0/000", "metrics"]) {
        const response = await fetch(`${url}/audit/${path}`, as(ADMIN));
        assert.deepEqual([response.status, await response.text()], [401, "sign in first\n"], path);
      }
      assert.equal((await fetch(`${url}/users/u_2/role`, { method: "PUT", ...as(ADMIN) })).status, 401);
    });
  });

  describe("with a session", () => {
    before(async () => {
      writeFileSync(join(folder, "session.ts"), SESSION);
      const audit = readFileSync(join(folder, "audit.ts"), "utf8");
      writeFileSync(join(folder, "audit.ts"), audit.replace(/^export const audited .*\n/m, HTTP));
      await build();
    });

    test("a change is recorded with its actor, and a denied attempt with its outcome", async () => {
      const change = async (url: string, session: string, role: string) => {
        const init = { method: "PUT", body: role, ...as(session) };
        return (await fetch(`${url}/users/u_2/role`, init)).status;
      };
      await serving(async (url) => {
        assert.equal(await change(url, "lin.acme.member", "owner"), 403);
        assert.equal(await change(url, ADMIN, "admin"), 200);
        const exported = async () => (await fetch(`${url}/audit/export`, as(ADMIN))).text();
        const text = await eventually(
          "the log has the change",
          exported,
          (log) => log.includes('"role":"admin"'),
          20_000,
        );
        const events = [...text.matchAll(/"action":"role\.change".*?"tenant":"acme"/g)].map(([event]) => event);
        const [denied = "", changed = ""] = events;
        assert.equal(events.length, 2);
        assert.match(denied, /"actor":\{"id":"lin"\}.*"outcome":"denied","reason":"not an administrator"/);
        assert.doesNotMatch(denied, /"after"/);
        assert.match(changed, /"actor":\{"id":"ada"\}.*"after":\{"role":"admin"\},"before":\{"role":"viewer"\}/);
        assert.match(changed, /"outcome":"success"/);
      });
    });

    test("refused requests and actions are recorded", async () => {
      await serving(async (url) => {
        assert.equal((await fetch(`${url}/users/u_2/role?token=1`, { method: "PUT", body: "admin" })).status, 401);
        await byAction(`${url}/users`, "u_7", 500);
        await byAction(`${url}/users`, "u_8", 500, as("lin.acme.member"));
        await byAction(`${url}/users`, "u_9", 200, as(ADMIN));
        const exported = async () =>
          (await fetch(`${log.url}/export`, { headers: { authorization: `Bearer ${AUDITOR}` } })).text();
        const text = await eventually("the log has them", exported, (all) => all.includes('"u_9"'), 20_000);
        const events = text.split("\n").filter((line) => line.includes("user.remove") || line.includes("http.request"));
        const [request = "", anonymous = "", member = "", administrator = ""] = events;
        assert.equal(events.length, 4);
        assert.match(request, /"path":"\/users\/[^"?]+\/role"/);
        assert.match(anonymous, /"outcome":"denied","reason":"not signed in"/);
        assert.doesNotMatch(anonymous, /"actor"/);
        assert.match(member, /"actor":\{"id":"lin"\}.*"outcome":"denied","reason":"not an administrator"/);
        assert.match(administrator, /"actor":\{"id":"ada"\}.*"outcome":"success"/);
      });
    });

    test("the routes that show the log refuse", async () => {
      await serving(async (url) => {
        assert.equal((await fetch(`${url}/trail`)).status, 404);
        assert.equal((await fetch(`${url}/trail`, as("lin.acme.member"))).status, 404);
        assert.equal((await fetch(`${url}/trail`, as(ADMIN))).status, 200);
        const status = async (path: string, init?: RequestInit) => (await fetch(`${url}/audit/${path}`, init)).status;
        for (const path of ["export", "stream", "checkpoint"]) {
          assert.equal(await status(path), 401, path);
          assert.equal(await status(path, as("lin.acme.member")), 403, path);
        }
        for (const path of ["tile/..%2ftoken", "metrics", "submit", "export/more"]) {
          assert.equal(await status(path, as(ADMIN)), 404, path);
        }
        assert.equal(await status("checkpoint", as(ADMIN)), 200);
      });
    });

    test("a tenant's administrator sees only this tenant's events, whatever the query", async () => {
      await serving(async (url) => {
        const targets = async (session: string, query = "") => {
          const text = await (await fetch(`${url}/audit/export${query}`, as(session))).text();
          assert.match(text, /^\{"countersign"/);
          return [...text.matchAll(/"target":\{"id":"([^"]+)"/g)].map(([, id]) => id);
        };
        await record({ tenant: "acme", id: "of-acme" }, { tenant: "beta", id: "of-beta" });
        for (const query of ["", "?tenant=beta", "?tenant=acme&tenant=beta", "?q=tenant:beta", "?limit=100"]) {
          const found = await targets(ADMIN, query);
          assert.ok(!found.includes("of-beta") && !found.includes("1-route"), `${query}: ${found}`);
        }
        assert.deepEqual(await targets(ADMIN), ["u_2", "u_2", "u_8", "u_9", "of-acme"]);
        assert.deepEqual(await targets("bob.beta.admin"), ["of-beta"]);
      });
    });

    test("the viewer verifies a tenant's events, and follows them", async () => {
      const browser = await launch();
      const check = async (url: string) => {
        const context = await browser.newContext();
        await context.addCookies([{ name: "session", value: ADMIN, url }]);
        const tab = await context.newPage();
        const said: string[] = [];
        tab.on("console", (message) => said.push(message.text()));
        tab.on("pageerror", (error) => said.push(String(error)));
        tab.on("response", (response) => said.push(`${response.status()} ${response.url()}`));
        await tab.goto(`${url}/trail`);
        await eventually(
          "the part of the log is verified",
          async () => said,
          (all) => all.includes("partial"),
          20_000,
        );
        await tab.getByText("of-acme").first().waitFor({ timeout: 10_000 });
        await record({ tenant: "beta", id: "live-beta" }, { tenant: "acme", id: "live-acme" });
        await tab.getByText("live-acme").first().waitFor({ timeout: 20_000 });
        assert.equal(await tab.getByText("live-beta").count(), 0);
      };
      try {
        // The server ends once no browser follows the log.
        await serving((url) => check(url).finally(() => browser.close()));
      } finally {
        await browser.close();
      }
    });

    test("a customer's own log is complete, and no other customer's", async () => {
      const tenants = await TenantServer.start({ emitters: [EMITTERS[0].vkey] });
      const shared = { url: env.AUDIT_URL, log: env.AUDIT_LOG };
      const browser = await launch();
      try {
        mkdirSync(join(folder, "customers"));
        for (const name of ["acme", "beta"]) {
          const { origin, token, trust } = await tenants.addWithToken(name);
          writeFileSync(join(folder, `customers/${name}.txt`), `origin ${origin}\ntoken ${token}\n`);
          writeFileSync(join(folder, `customers/${name}-trust.txt`), trust);
        }
        const audit = readFileSync(join(folder, "audit.ts"), "utf8");
        const viewer = readFileSync(join(folder, "app/trail/viewer.tsx"), "utf8");
        const own = audit
          .replace("AUDIT_LOG,", 'AUDIT_LOG,\n    tenants: "create",')
          .replace("audit.outbox", "own.outbox");
        writeFileSync(join(folder, "audit.ts"), own);
        writeFileSync(
          join(folder, "app/trail/viewer.tsx"),
          viewer.replace("/audit/export", "/own/export").replace('"/trust.txt', '"/own/trust.txt'),
        );
        Object.assign(env, { AUDIT_URL: tenants.url, AUDIT_LOG: tenants.vkey });
        await build();
        const check = async (url: string) => {
          const get = (path: string, session = ADMIN) => fetch(`${url}/own/${path}`, as(session));
          assert.equal((await fetch(`${url}/own/export`)).status, 401);
          assert.equal((await get("export", "lin.acme.member")).status, 403);
          for (const [path, session] of [
            ["checkpoint", ADMIN],
            ["..%2f..%2fexport", ADMIN],
            ["export", "eve.%2fbeta.admin"],
            ["export", "eve.gamma.admin"],
          ] as const) {
            assert.equal((await get(path, session)).status, 404, `${path} ${session}`);
          }
          const init = { method: "PUT", body: "admin", ...as(ADMIN) };
          assert.equal((await fetch(`${url}/users/u_2/role`, init)).status, 200);
          const exported = async () => (await get("export")).text();
          await eventually("the log has the change", exported, (text) => text.includes("role.change"), 20_000);
          assert.ok(!(await (await get("export", "bob.beta.admin")).text()).includes("role.change"));
          assert.equal((await get("head")).status, 200);

          const context = await browser.newContext();
          await context.addCookies([{ name: "session", value: ADMIN, url }]);
          const tab = await context.newPage();
          const said: string[] = [];
          tab.on("console", (message) => said.push(message.text()));
          tab.on("response", (response) => said.push(`${response.status()} ${response.url()}`));
          await tab.goto(`${url}/trail`);
          await eventually(
            "the customer's log is verified",
            async () => said,
            (all) => all.includes("verified"),
            20_000,
          );
          const [exportFile, trustFile] = [join(folder, "own.ndjson"), join(folder, "own-trust.txt")];
          writeFileSync(exportFile, await (await get("export")).text());
          writeFileSync(trustFile, await (await get("trust.txt")).text());
          const { stdout } = await run(PROGRAM ?? "", ["verify", exportFile, "--trust", trustFile]);
          assert.match(stdout, /complete: all \d+ entries of this customer's log/);
        };
        await serving((url) => check(url).finally(() => browser.close()));
      } finally {
        await browser.close();
        Object.assign(env, { AUDIT_URL: shared.url, AUDIT_LOG: shared.log });
        await tenants.close();
      }
    });
  });
});
