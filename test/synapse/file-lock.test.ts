import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TemporaryFolder } from "../process/index.ts";
import { FileLock } from "./file-lock.ts";

test("the second waits until the first lets go", async () => {
    using folder = new TemporaryFolder("lock");
    const path = join(folder.path, "lock");
    const first = await FileLock.take(path, () => {});
    const waiting = Promise.withResolvers<void>();
    const second = FileLock.take(path, waiting.resolve);
    await waiting.promise;
    await first[Symbol.asyncDispose]();
    await using _lock = await second;
    expect(existsSync(path)).toBe(true);
});

test("the lock of a process that is no more is taken over", async () => {
    using folder = new TemporaryFolder("lock");
    const path = join(folder.path, "lock");
    // No process has this id: it is above the kernel's limit.
    writeFileSync(path, "2147483647");
    await using _lock = await FileLock.take(path, () => {});
    expect(existsSync(path)).toBe(true);
});
