import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing } from "../../database/index.ts";
import { Halt } from "../policy/halt.ts";
import type { Job } from "../ledger/jobs.ts";
import { openList } from "../ledger/states.ts";

/**
 * Milliseconds from a start until what may have ended the bot is tried again, by how often that was. Then a person
 * decides.
 */
const pauses = [5_000, 300_000] as const;

/**
 * For whom the crypto worker is encrypting: what a run did not live to see the end of may be what ended it, and is not
 * done again at once by the next, nor together with others. Every method belongs inside a transaction of the caller's.
 */
export class Sealings {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    begin(jobIds: Iterable<number>): void {
        const insert = this.#sql.prepare(
            "INSERT INTO share_sealings (job_id, under_way) VALUES (?, 1) ON CONFLICT DO UPDATE SET under_way = 1",
        );
        for (const jobId of jobIds) insert.run(jobId);
    }

    /** The worker has answered. */
    over(jobIds: Iterable<number>): void {
        const remove = this.#sql.prepare("DELETE FROM share_sealings WHERE job_id = ?");
        for (const jobId of jobIds) remove.run(jobId);
    }

    /** To be called once at each start, before anything is encrypted. @param now milliseconds since the epoch */
    start(now: number): void {
        this.#sql
            .prepare(
                `UPDATE share_sealings SET under_way = 0, ends = ends + 1, not_before = ?1 + iif(ends = 0, ?2, ?3) WHERE under_way = 1`,
            )
            .run(now, ...pauses);
    }

    /** Jobs that were being encrypted for when the bot ended. */
    suspects(): ReadonlySet<number> {
        const rows = this.#sql.prepare("SELECT job_id FROM share_sealings WHERE ends > 0").all();
        return new Set(rows.map((row) => numberOf(row, "job_id")));
    }

    /** @throws Halt if the worker is not to encrypt for this job now */
    check({ id, approved }: Pick<Job, "id" | "approved">, now: number): void {
        const row = this.#sql.prepare("SELECT ends, not_before FROM share_sealings WHERE job_id = ?").get(id);
        const approvals = approved.filter(({ reason }) => reason === "ended_the_bot").length;
        if ((numberOrNothing(row, "ends") ?? 0) > pauses.length + approvals) throw new Halt(["held", "ended_the_bot"]);
        const wait = (numberOrNothing(row, "not_before") ?? 0) - now;
        // What lies further ahead was written before the clock was set back.
        if (wait > 0 && wait <= Math.max(...pauses)) throw new Halt(["retry", "bot_interrupted"], { notBefore: wait });
    }

    /** Forgets what belongs to jobs that are over. */
    prune(): void {
        this.#sql.exec(
            `DELETE FROM share_sealings WHERE job_id NOT IN (SELECT id FROM share_jobs WHERE state IN (${openList}))`,
        );
    }
}
