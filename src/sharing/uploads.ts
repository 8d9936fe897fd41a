import type { DatabaseSync } from "node:sqlite";
import type { EncryptedFile } from "../crypto/index.ts";
import type { Seal } from "../sealing/index.ts";

/** The bundle that a job uploaded: kept, sealed, so that a job that runs again uploads nothing twice. */
export interface Upload {
    readonly file: EncryptedFile;
    readonly shared: number;
    readonly withheld: number;
}

export class Uploads {
    readonly #sql: DatabaseSync;
    readonly #seal: Seal;

    constructor(sql: DatabaseSync, seal: Seal) {
        this.#sql = sql;
        this.#seal = seal;
    }

    of(jobId: number): Upload | undefined {
        const row = this.#sql.prepare("SELECT file, shared, withheld FROM share_uploads WHERE job_id = ?").get(jobId);
        if (row === undefined || !(row["file"] instanceof Uint8Array)) return undefined;
        // Only `remember` writes this column, and the seal proves it.
        const file = JSON.parse(Buffer.from(this.#seal.open(place(jobId), row["file"])).toString()) as EncryptedFile;
        return { file, shared: Number(row["shared"]), withheld: Number(row["withheld"]) };
    }

    remember(jobId: number, upload: Upload, now: number): void {
        this.#sql
            .prepare("INSERT INTO share_uploads (job_id, file, shared, withheld, uploaded_at) VALUES (?, ?, ?, ?, ?)")
            .run(jobId, this.#seal.seal(place(jobId), Buffer.from(JSON.stringify(upload.file))), upload.shared, upload.withheld, now);
    }
}

function place(jobId: number): string {
    return `share_uploads/${jobId}`;
}
