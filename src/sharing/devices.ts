import type { DatabaseSync } from "node:sqlite";
import type { UserKeys } from "../crypto/index.ts";
import { type DeviceState, deviceStateFrom } from "./states.ts";

/** What became of a device. */
export interface ServedDevice {
    readonly deviceId: string;
    readonly state: DeviceState;
    /** When that was; milliseconds since the epoch. */
    readonly at: number;
}

/**
 * The devices that are to be given a copy now: those that have none yet, and, after the join, all of them once more. A client that drops bundles of
 * people with whom it shares no room takes the second copy; to any other it does no harm.
 * @param joinedAt milliseconds since the epoch; undefined: the invite is pending
 */
export function devicesToServe(keys: UserKeys, served: readonly ServedDevice[], joinedAt: number | undefined): readonly string[] {
    const sentAt = new Map(served.flatMap(({ deviceId, state, at }) => (state === "sent" ? [[deviceId, at]] : [])));
    return keys.devices.flatMap(({ deviceId, crossSigned }) => {
        const at = sentAt.get(deviceId);
        const due = at === undefined || (joinedAt !== undefined && at < joinedAt);
        return crossSigned && due ? [deviceId] : [];
    });
}

/** Those of the user's devices that have been seen before, whatever became of them. */
export function concerned(keys: UserKeys, served: readonly ServedDevice[]): UserKeys["devices"] {
    const known = new Set(served.map(({ deviceId }) => deviceId));
    return keys.devices.filter(({ deviceId }) => known.has(deviceId));
}

/** Each job's outcome for each device. Every method belongs inside a transaction of the caller's. */
export class JobDevices {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    of(jobId: number): readonly ServedDevice[] {
        return this.#sql
            .prepare("SELECT device_id, state, updated_at FROM share_job_devices WHERE job_id = ?")
            .all(jobId)
            .map((row) => ({
                deviceId: String(row["device_id"]),
                state: deviceStateFrom(row["state"]),
                at: Number(row["updated_at"]),
            }));
    }

    /** A device that got its copy stays sent, whatever a later attempt says. */
    record(jobId: number, deviceId: string, state: DeviceState, now: number): void {
        this.#sql
            .prepare(
                `INSERT INTO share_job_devices (job_id, device_id, state, updated_at) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
                 WHERE share_job_devices.state <> 'sent' OR excluded.state = 'sent'`,
            )
            .run(jobId, deviceId, state, now);
    }

    /** Notes the devices that nobody has signed, and forgets those that the user has no more, unless they were sent a copy: that stays on record. */
    observe(jobId: number, { devices }: UserKeys, now: number): void {
        this.#sql
            .prepare(
                `DELETE FROM share_job_devices WHERE job_id = ? AND state <> 'sent'
                 AND device_id NOT IN (SELECT value FROM json_each(?))`,
            )
            .run(jobId, JSON.stringify(devices.map(({ deviceId }) => deviceId)));
        for (const { deviceId, crossSigned } of devices) if (!crossSigned) this.record(jobId, deviceId, "not_cross_signed", now);
    }
}
