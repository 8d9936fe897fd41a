import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { blobOf, jsonOf, numberOf, numberOrNothing, type Row, textOf } from "../../database/index.ts";
import type { EncryptedFile } from "../../crypto/index.ts";
import { type DueItem, type Later, waitsUntil } from "../../due/index.ts";
import type { Seal } from "../../sealing/index.ts";
import { encryptedFileSchema } from "./encrypted-file.ts";
import { openStates } from "../ledger/states.ts";

/** What is in a bundle, in sessions, and what is not. */
export interface BundleContents {
    readonly shared: number;
    readonly withheld: number;
    /** Older than `sharing.max_age`, or of unknown age where that is set. */
    readonly tooOld: number;
    /** Beyond `sharing.max_sessions` or the homeserver's upload limit. */
    readonly overLimit: number;
    /** Received from people who were never in the room. */
    readonly fromStrangers: number;
}

/** A room's bundle in the media repository. Times are milliseconds since the epoch. */
export interface BundleFile {
    readonly id: number;
    readonly file: EncryptedFile;
    readonly contents: BundleContents;
    readonly reservedAt: number;
    /** When the homeserver last said that it has it; undefined: whether it arrived is not known. */
    readonly seenAt: number | undefined;
}

/** Which file a job's devices were sent last. */
export interface GivenBundle {
    readonly fileId: number;
    readonly contents: BundleContents;
    readonly at: number;
}

/** A file that somebody was given who has not joined yet: nobody can open it any more once it is gone. */
export interface GivenFile extends DueItem {
    readonly id: number;
    readonly roomId: string;
    /** Its `mxc://` URI. */
    readonly url: string;
}

/**
 * Milliseconds from one look at a file that was given to the next, and what is added for some of them so that they do
 * not come together.
 */
const betweenLooks = 45 * 60_000;
const spread = { files: 16, by: 60_000 } as const;

/** Uploads are counted over this time, in milliseconds, so that a row is kept for so long. */
const countedOver = 3_600_000;

/** Milliseconds after which no file is used again. */
const forgottenAfter = 2 * 24 * 3_600_000;

const contentsSchema: z.ZodType<BundleContents> = z.object({
    shared: z.number(),
    withheld: z.number(),
    tooOld: z.number(),
    overLimit: z.number(),
    fromStrangers: z.number(),
});

const looks = waitsUntil("look_at", "not_before");
const given = `SELECT file_id FROM share_jobs JOIN bundle_deliveries ON job_id = share_jobs.id WHERE state IN ('delivered', 'reinvited')`;
const openList = openStates.map((state) => `'${state}'`).join(", ");

/**
 * The ledger of bundle files: places and keys are sealed. Every method belongs inside a transaction of the caller's.
 */
export class BundleFiles {
    readonly #sql: DatabaseSync;
    readonly #seal: Seal;

    constructor(sql: DatabaseSync, seal: Seal) {
        this.#sql = sql;
        this.#seal = seal;
    }

    /** The room's file that was made of these sessions by these rules, unless it is retired. */
    find(roomId: string, fingerprint: string): BundleFile | undefined {
        const row = this.#sql
            .prepare(
                "SELECT * FROM bundle_files WHERE room_id = ? AND fingerprint = ? AND retired = 0 ORDER BY id DESC LIMIT 1",
            )
            .get(roomId, fingerprint);
        return row === undefined ? undefined : this.#fileFrom(row);
    }

    /** The room's newest file that was made by these settings, unless it is retired or may not have arrived. */
    newest(roomId: string, settings: string): BundleFile | undefined {
        const row = this.#sql
            .prepare(
                "SELECT * FROM bundle_files WHERE room_id = ? AND settings = ? AND retired = 0 AND seen_at IS NOT NULL ORDER BY id DESC LIMIT 1",
            )
            .get(roomId, settings);
        return row === undefined ? undefined : this.#fileFrom(row);
    }

    /** What it holds is what these sessions make, too. */
    rename(id: number, fingerprint: string): void {
        this.#sql.prepare("UPDATE bundle_files SET fingerprint = ? WHERE id = ?").run(fingerprint, id);
    }

    /** Before the upload: a crash must find the place and the key again. Every other file of the room is retired. */
    reserve(
        roomId: string,
        { fingerprint, settings }: { readonly fingerprint: string; readonly settings: string },
        file: EncryptedFile,
        contents: BundleContents,
        now: number,
    ): BundleFile {
        this.retireAll(roomId, now);
        const { lastInsertRowid } = this.#sql
            .prepare(
                "INSERT INTO bundle_files (room_id, fingerprint, settings, file, contents, reserved_at) VALUES (?, ?, ?, x'', ?, ?)",
            )
            .run(roomId, fingerprint, settings, JSON.stringify(contents), now);
        const id = Number(lastInsertRowid);
        const sealed = this.#seal.seal(place(id), Buffer.from(JSON.stringify(file)));
        this.#sql.prepare("UPDATE bundle_files SET file = ? WHERE id = ?").run(sealed, id);
        return { id, file, contents, reservedAt: now, seenAt: undefined };
    }

    /**
     * The homeserver says that it has the file.
     * @param now milliseconds since the epoch
     * @param clock the time of `RunningClock`, by which looks fall due
     */
    seen(id: number, now: number, clock: number): void {
        this.#sql
            .prepare(
                "UPDATE bundle_files SET seen_at = ?1, look_at = ?2, not_before = 0, look_failures = 0 WHERE id = ?3",
            )
            .run(now, nextLook(id, clock), id);
    }

    /**
     * The homeserver says that it does not have the file any more: nobody is given it, and who was is found at the next
     * look.
     */
    gone(id: number): void {
        this.#sql
            .prepare("UPDATE bundle_files SET retired = 1, seen_at = NULL, look_at = 0, not_before = 0 WHERE id = ?")
            .run(id);
    }

    /** Files of pending invitees that are to be looked at, those first that wait the longest. */
    dueLooks(now: number, limit: number): readonly GivenFile[] {
        const rows = this.#sql
            .prepare(
                `SELECT * FROM bundle_files WHERE ${looks} <= ?1 AND id IN (${given}) ORDER BY look_at, id LIMIT ?2`,
            )
            .all(now, limit);
        return rows.map((row) => {
            const { id, file } = this.#fileFrom(row);
            return {
                key: String(id),
                id,
                roomId: textOf(row, "room_id"),
                url: file.url,
                failures: numberOf(row, "look_failures"),
            };
        });
    }

    /** When the next of the others is to be looked at; undefined: none. */
    nextLookAt(now: number): number | undefined {
        const row = this.#sql
            .prepare(`SELECT min(${looks}) AS at FROM bundle_files WHERE ${looks} > ?1 AND id IN (${given})`)
            .get(now);
        return numberOrNothing(row, "at");
    }

    lookAgain(id: number, { at, failures, notBefore }: Later): void {
        this.#sql
            .prepare("UPDATE bundle_files SET look_at = ?, look_failures = ?, not_before = ? WHERE id = ?")
            .run(at, failures, notBefore, id);
    }

    /** None of the room's files is given to anybody any more. */
    retireAll(roomId: string, now: number): void {
        this.#sql.prepare("UPDATE bundle_files SET retired = 1 WHERE room_id = ?").run(roomId);
        this.prune(now);
    }

    /** Forgets what is retired, or too old for anybody, and was given to no open job. */
    prune(now: number): void {
        this.#sql
            .prepare(
                `DELETE FROM bundle_files WHERE reserved_at NOT BETWEEN ?1 - iif(retired = 1, ?2, ?3) AND ?1 AND id NOT IN
                 (SELECT file_id FROM bundle_deliveries JOIN share_jobs ON share_jobs.id = job_id WHERE state IN (${openList}))`,
            )
            .run(now, countedOver, forgottenAfter);
    }

    /** The room's keys are forgotten, and with them the files that hold them. */
    forget(roomId: string): void {
        for (const table of ["bundle_files", "bundle_refreshes"])
            this.#sql.prepare(`DELETE FROM ${table} WHERE room_id = ?`).run(roomId);
    }

    /** When the room's files were made, the oldest first, for an hour and longer. */
    madeAt(roomId: string): readonly number[] {
        const rows = this.#sql
            .prepare("SELECT reserved_at FROM bundle_files WHERE room_id = ? ORDER BY reserved_at")
            .all(roomId);
        return rows.map((row) => numberOf(row, "reserved_at"));
    }

    /** The job's devices were sent this file. */
    delivered(jobId: number, { id, contents }: BundleFile, now: number): void {
        this.#sql
            .prepare("INSERT OR REPLACE INTO bundle_deliveries (job_id, file_id, contents, at) VALUES (?, ?, ?, ?)")
            .run(jobId, id, JSON.stringify(contents), now);
    }

    /** What a job's devices were sent last; undefined: nothing yet. */
    deliveryOf(jobId: number): GivenBundle | undefined {
        const row = this.#sql.prepare("SELECT * FROM bundle_deliveries WHERE job_id = ?").get(jobId);
        if (row === undefined) return undefined;
        return {
            fileId: numberOf(row, "file_id"),
            contents: jsonOf(row, "contents", contentsSchema),
            at: numberOf(row, "at"),
        };
    }

    #fileFrom(row: Row): BundleFile {
        const id = numberOf(row, "id");
        const file = this.#seal.open(place(id), blobOf(row, "file"));
        return {
            id,
            file: encryptedFileSchema.parse(JSON.parse(Buffer.from(file).toString())),
            contents: jsonOf(row, "contents", contentsSchema),
            reservedAt: numberOf(row, "reserved_at"),
            seenAt: numberOrNothing(row, "seen_at"),
        };
    }
}

/** When a file that was there at `now` is looked at again, by `RunningClock`. */
export function nextLook(id: number, now: number): number {
    return now + betweenLooks + (id % spread.files) * spread.by;
}

function place(id: number): string {
    return `bundle_files/${id}`;
}
