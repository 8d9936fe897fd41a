import { spawnSync } from "node:child_process";
import { appendFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "./temporary-folder.ts";

/** A file system of its own with so many KB, at `path`; undefined where this user may not mount one. */
export class SmallDisk {
    readonly #folder: TemporaryFolder;

    private constructor(folder: TemporaryFolder) {
        this.#folder = folder;
    }

    static mount(kilobytes: number): SmallDisk | undefined {
        const folder = new TemporaryFolder("small-disk");
        if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder.path]).status === 0)
            return new SmallDisk(folder);
        folder[Symbol.dispose]();
        return undefined;
    }

    get path(): string {
        return this.#folder.path;
    }

    /** Takes the room of everything but so many KB. */
    leaveFree(kilobytes: number): void {
        this.makeRoom();
        const { bavail, bsize } = statfsSync(this.path);
        writeFileSync(this.#filler, Buffer.alloc(Math.max(0, bavail * bsize - kilobytes * 1024)));
    }

    /** Takes all the room that is left, while others write, too. */
    fillUp(): void {
        const megabyte = Buffer.alloc(1024 * 1024);
        try {
            for (;;) appendFileSync(this.#filler, megabyte);
        } catch (error) {
            if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOSPC") throw error;
        }
    }

    makeRoom(): void {
        rmSync(this.#filler, { force: true });
    }

    /** Fails while a file on it is open for writing. */
    mode(mode: "ro" | "rw"): void {
        const { status, stderr } = spawnSync("mount", ["-o", `remount,${mode}`, this.path], { encoding: "utf8" });
        if (status !== 0) throw new Error(`could not remount ${this.path}: ${stderr}`);
    }

    get #filler(): string {
        return join(this.path, "filler");
    }

    [Symbol.dispose](): void {
        // Lazily: a test that failed may have left a file open.
        spawnSync("umount", ["-l", this.path]);
        this.#folder[Symbol.dispose]();
    }
}
