import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStore } from "./store.ts";

let folder: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "backscroll-store-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what a kill in the middle of a snapshot left is removed at the next start, and nothing else", () => {
    for (const name of ["snapshot-0123abcd.part", "snapshot-mine", "snapshots"]) {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, "crypto.sqlite"), "a copy");
    }
    openStore({ data_dir: folder, store_key: undefined }).close();
    expect(
        ["snapshot-0123abcd.part", "snapshot-mine", "snapshots"].map((name) => existsSync(join(folder, name))),
    ).toEqual([false, true, true]);
});

test("a folder into which a restore was begun is not started on, and frees its lock", () => {
    mkdirSync(join(folder, "restore.part"));
    const start = () => openStore({ data_dir: folder, store_key: undefined });
    expect(start).toThrow(expect.objectContaining({ code: "restore_unfinished", exitCode: 65 }));
    expect(existsSync(join(folder, "backscroll.sqlite"))).toBe(false);
    rmSync(join(folder, "restore.part"), { recursive: true });
    start().close();
});
