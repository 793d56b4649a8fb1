/** Starts a PostgreSQL server for tests, from Debian's packages or another installation. */

import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const DEBIAN = "/usr/lib/postgresql";

/** The folder of its programs, of the newest version. */
const programs = [
  ...(process.env.PATH ?? "").split(delimiter),
  ...(existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []).map((version) =>
    join(DEBIAN, version, "bin"),
  ),
].find((folder) => existsSync(join(folder, "initdb")));

/** The reason why there is none, if so. With `CI` set, it is required. */
export const skip =
  programs === undefined && process.env.CI === undefined && "PostgreSQL is not on this machine (Debian's postgresql)";

/** Returns the user to run it as, because it refuses to run as root. */
function owner(): { uid: number; gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) {
    return {};
  }
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}

/** Starts a server on a Unix socket with temporary data. */
export async function startPostgres() {
  if (programs === undefined) {
    throw new Error("PostgreSQL is not on this machine: cargo xtask test js installs it with CI set");
  }
  const folder = mkdtempSync(join(tmpdir(), "countersign-postgres-"));
  const { uid, gid } = owner();
  if (uid !== undefined && gid !== undefined) {
    chownSync(folder, uid, gid);
  }
  const as = { ...owner(), cwd: folder, env: { ...process.env, LC_ALL: "C" } };
  const data = join(folder, "data");
  const init = ["--pgdata", data, "--username", "test", "--auth", "trust", "--no-sync", "--encoding", "UTF8"];
  execFileSync(join(programs, "initdb"), init, { ...as, stdio: "ignore" });
  const settings = ["listen_addresses=", `unix_socket_directories=${folder}`, "fsync=off", "max_connections=50"];
  const args = ["-D", data, ...settings.flatMap((setting) => ["-c", setting])];
  const server = spawn(join(programs, "postgres"), args, { ...as, stdio: ["ignore", "ignore", "pipe"] });
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    server.once("exit", () => reject(new Error(lines.join(""))));
    server.stderr.on("data", (text) => {
      lines.push(String(text));
      if (String(text).includes("ready to accept connections")) {
        resolve();
      }
    });
  });
  return {
    options: { host: folder, port: 5432, user: "test", database: "postgres" },
    stop: async () => {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGQUIT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
