import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Failure, isFullDisk } from "../failures/index.ts";

/**
 * A file for its owner's eyes (mode 0600) that is there whole or not at all, and never in the place of another. It is
 * written under another name beside; what was not published is gone when this is disposed of, or the process is told to
 * stop.
 */
export class PrivateFile implements Disposable {
    readonly path: string;
    readonly #draft: string;
    readonly #descriptor: number;
    readonly #onSignal: (signal: NodeJS.Signals) => void;

    private constructor(path: string) {
        this.path = path;
        this.#draft = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.part`);
        this.#descriptor = openSync(this.#draft, "wx", 0o600);
        this.#onSignal = (signal) => {
            this[Symbol.dispose]();
            process.kill(process.pid, signal);
        };
        process.once("SIGINT", this.#onSignal).once("SIGTERM", this.#onSignal);
    }

    /** @throws Failure `export_file_exists`, `export_file_unwritable` */
    static create(path: string): PrivateFile {
        if (existsSync(path)) throw new Failure("export_file_exists", { path });
        return explained(path, () => new PrivateFile(path));
    }

    write(content: string | Uint8Array): void {
        explained(this.path, () => {
            const bytes = typeof content === "string" ? Buffer.from(content) : content;
            for (let written = 0; written < bytes.length;) written += writeSync(this.#descriptor, bytes, written);
        });
    }

    /** Gives the file its name. @throws Failure `export_file_exists` if somebody took the name meanwhile */
    publish(): void {
        explained(this.path, () => {
            fsyncSync(this.#descriptor);
            giveName(this.#draft, this.path);
        });
    }

    [Symbol.dispose](): void {
        process.off("SIGINT", this.#onSignal).off("SIGTERM", this.#onSignal);
        closeSync(this.#descriptor);
        rmSync(this.#draft, { force: true });
    }
}

/** A link, because a rename would overwrite; file systems without links get the rename after a look. */
function giveName(draft: string, path: string): void {
    try {
        linkSync(draft, path);
    } catch (error) {
        if (!["EPERM", "ENOTSUP", "ENOSYS"].includes(codeOf(error)) || existsSync(path)) throw error;
        renameSync(draft, path);
    }
}

function explained<Result>(path: string, work: () => Result): Result {
    try {
        return work();
    } catch (error) {
        const code = codeOf(error);
        if (code === "EEXIST") throw new Failure("export_file_exists", { path }, { cause: error });
        if (isFullDisk(error)) throw new Failure("disk_full", { path }, { cause: error });
        if (code === "") throw error;
        throw new Failure("export_file_unwritable", { path, detail: code }, { cause: error });
    }
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "");
