/**
 * Holding a path for one holder alone, on this machine, until it lets go or its process ends, however it ends.
 *
 * A holder listens on a socket beside the path, whose name nobody else ever uses. Who wants to hold the path listens
 * first and then looks for others: of two at least one sees the other. The kernel closes the sockets of a process that
 * ends, so that nobody answers there; the name that stays is removed by the next holder. On Windows it is a named pipe
 * that goes with its process.
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { sleep } from "../timers.js";
import { codeOf } from "./files.node.js";

/** Lets go of a path. */
export type Release = () => Promise<void>;

/** The longest address of a socket, in bytes: 104 on the BSDs with the zero at its end. */
const ADDRESS = 103;
/** Where the folder's file system has no sockets: exFAT, some shared folders of virtual machines. */
const NO_SOCKETS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSYS", "EPROTONOSUPPORT"];

/** Holds a path, which is a real path; undefined where another holds it. */
export async function hold(path: string): Promise<Release | undefined> {
  if (process.platform === "win32") {
    return holdPipe(path);
  }
  // Two who begin at once see each other and both stand back. One of them is quicker the next time.
  for (let attempt = 0; attempt < 4; attempt += 1) {
    if (attempt > 0) {
      await sleep(5 + Math.random() * 40);
    }
    const release = await claimIn(dirname(path), `${basename(path)}.lock-`).catch((error: unknown) => {
      if (NO_SOCKETS.includes(codeOf(error) ?? "")) {
        return claimIn(tmpdir(), `countersign-${digest(path)}.lock-`);
      }
      throw error;
    });
    if (release !== undefined) {
      return release;
    }
  }
  return undefined;
}

async function claimIn(folder: string, prefix: string): Promise<Release | undefined> {
  return withAddress(folder, prefix, async (address) => {
    const name = prefix + randomBytes(6).toString("hex");
    // Under its name only once it listens: before, it would look as one whose process ended.
    const server = await listen(address(`${name}.new`));
    const release = async () => {
      await rm(join(folder, name), { force: true });
      await closed(server);
    };
    try {
      await rename(join(folder, `${name}.new`), join(folder, name));
      const others = (await readdir(folder)).filter((other) => other !== name && isClaim(other, prefix));
      for (const other of others) {
        if (await answers(address(other))) {
          await release();
          return undefined;
        }
        await rm(join(folder, other), { force: true });
      }
      return release;
    } catch (error) {
      await release();
      // Another took it for a remnant.
      if (codeOf(error) === "ENOENT") {
        return undefined;
      }
      throw error;
    }
  });
}

/** Whether a name is of a socket of ours: nothing else is to be touched. */
function isClaim(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^[0-9a-f]{12}(\.new)?$/.test(name.slice(prefix.length));
}

/** Runs `work` with a way to write addresses of sockets in a folder, however long its path is. */
async function withAddress<T>(
  folder: string,
  prefix: string,
  work: (address: (name: string) => string) => Promise<T>,
): Promise<T> {
  const room = ADDRESS - "/0123456789ab.new".length - prefix.length;
  if (Buffer.byteLength(folder) <= room) {
    return work((name) => join(folder, name));
  }
  const short = await mkdtemp(join(tmpdir(), "cs-"));
  try {
    await symlink(folder, join(short, "d"));
    return await work((name) => join(short, "d", name));
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

async function holdPipe(path: string): Promise<Release | undefined> {
  try {
    const server = await listen(`\\\\.\\pipe\\countersign-${digest(path.toLowerCase())}`);
    return () => closed(server);
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE") {
      return undefined;
    }
    throw error;
  }
}

function digest(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 32);
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  // Without `exclusive` the workers of a cluster would share it.
  server.listen({ path: address, exclusive: true });
  await once(server, "listening");
  server.on("error", () => {});
  // It must not keep the process alive.
  server.unref();
  return server;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Whether a process listens there. */
async function answers(address: string): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    // Refused is what the kernel says where nobody listens. All else may be a process that is busy.
    return !["ECONNREFUSED", "ENOENT"].includes(codeOf(error) ?? "");
  } finally {
    socket.destroy();
  }
}
