import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { until } from "../process/index.ts";

/** A lock between processes: a file with the owner's process id. The file of an owner that is no more is taken over. */
export class FileLock {
    readonly #path: string;

    private constructor(path: string) {
        this.#path = path;
    }

    /** Waits, up to 15 minutes, until the lock is ours; `onWait` is told once if there is anything to wait for. */
    static async take(path: string, onWait: () => void): Promise<FileLock> {
        let told = false;
        await until(
            `the lock ${path}`,
            () => {
                if (tryToTake(path)) return true;
                if (!told) onWait();
                told = true;
                return false;
            },
            { limitMs: 900_000, everyMs: 300 },
        );
        return new FileLock(path);
    }

    async [Symbol.asyncDispose](): Promise<void> {
        rmSync(this.#path, { force: true });
    }
}

function tryToTake(path: string): boolean {
    try {
        writeFileSync(path, String(process.pid), { flag: "wx" });
        return true;
    } catch {
        if (!isAlive(ownerOf(path))) rmSync(path, { force: true });
        return false;
    }
}

function ownerOf(path: string): number {
    try {
        return Number(readFileSync(path, "utf8"));
    } catch {
        return Number.NaN;
    }
}

function isAlive(pid: number): boolean {
    // Empty: its owner is just writing it, or died in that instant; Number("") is 0, which signals ourselves and
    // succeeds.
    try {
        process.kill(pid, 0);
        return true;
    } catch {
        return false;
    }
}
