import { statSync } from "node:fs";
import { basename } from "node:path";
import { Failure } from "../../failures/index.ts";
import type { DataFolder } from "../folder/data-folder.ts";

const usualPauseMs = 2_000;

/**
 * Sees whether the files in the data folder are still those that are open. SQLite does not notice when they are
 * removed, or when something is mounted over them: it goes on, and whatever it acknowledges from then on is lost.
 */
export class FolderWatch {
    readonly #folder: DataFolder;
    readonly #end: (reason: Failure) => void;
    readonly #seen = new Map<string, string>();
    #timer: NodeJS.Timeout | undefined;

    /** @param end called at most once */
    constructor(folder: DataFolder, end: (reason: Failure) => void) {
        this.#folder = folder;
        this.#end = end;
    }

    start(pauseMs = usualPauseMs): void {
        // At once: a folder that vanishes before the first look would never have been seen.
        this.#look();
        this.#timer = setInterval(() => this.#look(), pauseMs).unref();
    }

    stop(): void {
        clearInterval(this.#timer);
    }

    #look(): void {
        const gone = [this.#folder.database, this.#folder.cryptoStore].find((path) => this.#isGone(path));
        if (gone === undefined) return;
        this.stop();
        const detail = `${basename(gone)} was removed or replaced while the bot ran`;
        this.#end(new Failure("data_dir_unusable", { path: this.#folder.path, detail }));
    }

    /** A file that was never there is not gone: the crypto store is made at the first login. */
    #isGone(path: string): boolean {
        const before = this.#seen.get(path);
        const now = identityOf(path);
        if (before === undefined && now !== "none" && now !== "unknown") this.#seen.set(path, now);
        return before !== undefined && now !== "unknown" && now !== before;
    }
}

function identityOf(path: string): string {
    try {
        const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
        return stat === undefined ? "none" : `${stat.dev}:${stat.ino}`;
    } catch {
        // A folder that cannot be looked at for a moment says nothing about its files; `health` tells of it.
        return "unknown";
    }
}
