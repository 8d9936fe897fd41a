import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder below the system's temporary one, removed with everything in it on disposal, or when we end. */
export class TemporaryFolder {
    readonly path: string;
    readonly #remove = (): void => rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });

    constructor(name: string) {
        this.path = mkdtempSync(join(tmpdir(), `backscroll-${name}-`));
        process.on("exit", this.#remove);
    }

    [Symbol.dispose](): void {
        process.off("exit", this.#remove);
        this.#remove();
    }
}
