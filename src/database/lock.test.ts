import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder } from "./index.ts";

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "backscroll-lock-"));
});
afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
});

const locked: unknown = expect.objectContaining({ name: "Failure", code: "store_locked" });

/** Another process that takes the lock, says so, and keeps it. */
async function otherProcess(): Promise<ChildProcess> {
    const script = `import { lockFolder } from ${JSON.stringify(import.meta.resolve("./index.ts"))};
        globalThis.lock = lockFolder(${JSON.stringify(folder)});
        process.stdout.write("locked");
        setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
        stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    if (child.stdout !== null) await once(child.stdout, "data");
    return child;
}

test("a second lock in the same process is refused until the first is released", () => {
    const first = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(locked);
    first.release();
    first.release();
    lockFolder(folder).release();
});

test("the lock writes nothing, so that a full disk cannot keep it from being taken", () => {
    const lock = lockFolder(folder);
    expect([readdirSync(folder), statSync(join(folder, "lock")).size]).toEqual([["lock"], 0]);
    lock.release();
});

test("a second process is refused, and SIGKILL of the first frees the folder", async () => {
    const other = await otherProcess();
    expect(() => lockFolder(folder)).toThrow(locked);
    const ended = once(other, "exit");
    other.kill("SIGKILL");
    await ended;
    lockFolder(folder).release();
});

test("a folder that does not exist is named", () => {
    expect(() => lockFolder(join(folder, "nowhere"))).toThrow(expect.objectContaining({ code: "data_dir_unusable" }));
});
