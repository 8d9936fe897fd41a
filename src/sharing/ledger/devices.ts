import type { DatabaseSync } from "node:sqlite";
import type { UserKeys } from "../../crypto/index.ts";
import { flagOf, textOf, wordOf } from "../../database/index.ts";
import type { Job } from "./jobs.ts";
import { type DeviceState, deviceStates } from "./states.ts";

/** What became of a device. */
export interface ServedDevice {
    readonly deviceId: string;
    readonly state: DeviceState;
    /** That was after the join. No clock is asked for it: clocks are set back. */
    readonly sinceJoin: boolean;
}

/** Each job's outcome for each device. Every method belongs inside a transaction of the caller's. */
export class JobDevices {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    of(jobId: number): readonly ServedDevice[] {
        return this.#sql
            .prepare("SELECT device_id, state, since_join FROM share_job_devices WHERE job_id = ?")
            .all(jobId)
            .map((row) => ({
                deviceId: textOf(row, "device_id"),
                state: wordOf(row, "state", deviceStates),
                sinceJoin: flagOf(row, "since_join"),
            }));
    }

    /** A device that got its copy stays sent, whatever a later attempt says. */
    record(job: Pick<Job, "id" | "state">, deviceId: string, state: DeviceState, now: number): void {
        this.#sql
            .prepare(
                `INSERT INTO share_job_devices (job_id, device_id, state, updated_at, since_join) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at, since_join = excluded.since_join
                 WHERE share_job_devices.state <> 'sent' OR excluded.state = 'sent'`,
            )
            .run(job.id, deviceId, state, now, job.state === "joined" ? 1 : 0);
    }

    /**
     * Notes the devices that nobody has signed, and forgets those that the user has no more, unless they were sent a
     * copy: that stays on record.
     */
    observe(job: Pick<Job, "id" | "state">, { devices }: UserKeys, now: number): void {
        this.#sql
            .prepare(
                `DELETE FROM share_job_devices WHERE job_id = ? AND state <> 'sent'
                 AND device_id NOT IN (SELECT value FROM json_each(?))`,
            )
            .run(job.id, JSON.stringify(devices.map(({ deviceId }) => deviceId)));
        for (const { deviceId, crossSigned, dehydrated } of devices)
            if (!crossSigned && !dehydrated) this.record(job, deviceId, "not_cross_signed", now);
    }
}
