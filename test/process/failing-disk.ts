import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { TemporaryFolder } from "./temporary-folder.ts";

/**
 * A file system of its own that turns read-only under whoever has files on it open, which no remount does. Needs root,
 * loop devices and ext4; undefined where one of them is missing.
 */
export class FailingDisk {
    readonly #folder: TemporaryFolder;

    private constructor(folder: TemporaryFolder) {
        this.#folder = folder;
    }

    static mount(kilobytes: number): FailingDisk | undefined {
        const folder = new TemporaryFolder("failing-disk");
        const disk = new FailingDisk(folder);
        writeFileSync(disk.#image, "");
        truncateSync(disk.#image, kilobytes * 1024);
        mkdirSync(disk.path);
        if (ran("mkfs.ext4", "-q", disk.#image) && disk.#mount()) return disk;
        folder[Symbol.dispose]();
        return undefined;
    }

    get path(): string {
        return join(this.#folder.path, "disk");
    }

    /** The kernel finds an error in the file system, and from then on writes nothing to it until `repair`. */
    fail(): void {
        // Pages of memory that files share count as written from now on: the next write to one is a new matter, and may
        // be a fatal one.
        spawnSync("sync", ["-f", this.path]);
        const { stdout } = spawnSync("findmnt", ["-no", "SOURCE", this.path], { encoding: "utf8" });
        writeFileSync(`/sys/fs/ext4/${basename(stdout.trim())}/trigger_fs_error`, "1");
    }

    /** What an operator does then. Fails while a file on it is open. */
    repair(): void {
        if (!ran("umount", this.path)) throw new Error(`${this.path} is in use`);
        // 1: errors were corrected.
        if ((spawnSync("e2fsck", ["-fp", this.#image]).status ?? 8) > 1 || !this.#mount())
            throw new Error(`${this.path} is beyond repair`);
    }

    /** A folder on it, and every file in it, may not be written to, by anybody, open or not. */
    lock(folder: string): void {
        this.#mark("+i", folder, filesIn(folder));
    }

    unlock(folder: string): void {
        this.#mark("-i", folder, filesIn(folder).toReversed());
    }

    #mark(flag: "+i" | "-i", folder: string, files: readonly string[]): void {
        const { status, stderr } = spawnSync("chattr", [flag, folder, ...files.map((name) => join(folder, name))], {
            encoding: "utf8",
        });
        if (status !== 0) throw new Error(`chattr failed: ${stderr}`);
    }

    get #image(): string {
        return join(this.#folder.path, "image");
    }

    #mount(): boolean {
        return ran("mount", "-o", "loop,errors=remount-ro", this.#image, this.path);
    }

    [Symbol.dispose](): void {
        // Lazily: a test that failed may have left a file open.
        spawnSync("umount", ["-l", this.path]);
        this.#folder[Symbol.dispose]();
    }
}

/**
 * Without the control socket: sockets have no such flag. The index of a log comes last, as if all turned at once: a
 * commit that still gets into the log writes to the index next, which is memory, and would be killed for it.
 */
function filesIn(folder: string): string[] {
    const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
    return names.sort((one, other) => Number(one.endsWith("-shm")) - Number(other.endsWith("-shm")));
}

function ran(command: string, ...args: readonly string[]): boolean {
    return spawnSync(command, args).status === 0;
}
