import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { EncryptedFile } from "../crypto/index.ts";
import type { Seal } from "../sealing/index.ts";
import { openList } from "./states.ts";

/** The bundle of a job in the media repository: kept, sealed, so that a job that runs again uploads nothing twice. */
export interface Upload {
    readonly file: EncryptedFile;
    readonly shared: number;
    readonly withheld: number;
}

export interface KeptUpload extends Upload {
    /** False: whether the file arrived is not known. */
    readonly uploaded: boolean;
}

const encryptedFile: z.ZodType<EncryptedFile> = z.object({
    v: z.literal("v2"),
    url: z.string(),
    key: z.object({ alg: z.literal("A256CTR"), ext: z.literal(true), k: z.string(), key_ops: z.array(z.string()), kty: z.literal("oct") }),
    iv: z.string(),
    hashes: z.object({ sha256: z.string() }),
});

export class Uploads {
    readonly #sql: DatabaseSync;
    readonly #seal: Seal;

    constructor(sql: DatabaseSync, seal: Seal) {
        this.#sql = sql;
        this.#seal = seal;
    }

    /** What the job reserved a place for at `notBefore` (milliseconds since the epoch) or later; an older bundle may lack the keys that came since. */
    of(jobId: number, notBefore: number): KeptUpload | undefined {
        const row = this.#sql
            .prepare("SELECT file, shared, withheld, uploaded FROM share_uploads WHERE job_id = ? AND reserved_at >= ?")
            .get(jobId, notBefore);
        if (row === undefined || !(row["file"] instanceof Uint8Array)) return undefined;
        const file = encryptedFile.parse(JSON.parse(Buffer.from(this.#seal.open(place(jobId), row["file"])).toString()));
        return { file, shared: Number(row["shared"]), withheld: Number(row["withheld"]), uploaded: row["uploaded"] === 1 };
    }

    /** Before the upload: a crash must find the place and the key again. */
    reserve(jobId: number, upload: Upload, now: number): void {
        this.#sql
            .prepare("INSERT OR REPLACE INTO share_uploads (job_id, file, shared, withheld, reserved_at) VALUES (?, ?, ?, ?, ?)")
            .run(jobId, this.#seal.seal(place(jobId), Buffer.from(JSON.stringify(upload.file))), upload.shared, upload.withheld, now);
    }

    /** Forgets the files of jobs that are over. */
    prune(): void {
        this.#sql.exec(`DELETE FROM share_uploads WHERE job_id NOT IN (SELECT id FROM share_jobs WHERE state IN (${openList}))`);
    }

    /** The homeserver has the file. */
    complete(jobId: number): void {
        this.#sql.prepare("UPDATE share_uploads SET uploaded = 1 WHERE job_id = ?").run(jobId);
    }
}

function place(jobId: number): string {
    return `share_uploads/${jobId}`;
}
