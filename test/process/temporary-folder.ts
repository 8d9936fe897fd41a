import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder below the system's temporary one, removed with everything in it on disposal. */
export class TemporaryFolder {
    readonly path: string;

    constructor(name: string) {
        this.path = mkdtempSync(join(tmpdir(), `backscroll-${name}-`));
    }

    [Symbol.dispose](): void {
        rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
    }
}
