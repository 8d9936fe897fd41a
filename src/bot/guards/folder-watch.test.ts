import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Failure } from "../../failures/index.ts";
import { type DataFolder, dataFolder } from "../folder/data-folder.ts";
import { FolderWatch } from "./folder-watch.ts";

let folder: DataFolder;
let watch: FolderWatch;
let ended: Failure[];

beforeEach(() => {
    vi.useFakeTimers();
    folder = dataFolder(mkdtempSync(join(tmpdir(), "backscroll-folder-")));
    writeFileSync(folder.database, "");
    ended = [];
    watch = new FolderWatch(folder, (reason) => ended.push(reason));
    watch.start(100);
    vi.advanceTimersByTime(100);
});

afterEach(() => {
    watch.stop();
    vi.useRealTimers();
    rmSync(folder.path, { recursive: true, force: true });
});

test("a folder where files are written and made ends nothing", () => {
    writeFileSync(folder.database, "more");
    vi.advanceTimersByTime(100);
    writeFileSync(folder.cryptoStore, "");
    vi.advanceTimersByTime(300);
    expect(ended).toEqual([]);
});

test.each<[string, () => void]>([
    ["the folder is removed", () => rmSync(folder.path, { recursive: true })],
    ["the database is removed", () => rmSync(folder.database)],
    [
        "the crypto store is replaced",
        () => {
            writeFileSync(folder.cryptoStore, "");
            vi.advanceTimersByTime(100);
            writeFileSync(join(folder.path, "another"), "");
            renameSync(join(folder.path, "another"), folder.cryptoStore);
        },
    ],
])("%s: it ends once, with a reason", (_, happens) => {
    happens();
    vi.advanceTimersByTime(1_000);
    expect(ended).toEqual([expect.objectContaining({ code: "data_dir_unusable", exitCode: 74 })]);
});
