import type { UserKeys } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { JobDevices } from "./ledger/devices.ts";
import type { Job, ShareJobs } from "./ledger/jobs.ts";
import type { IdentityPins } from "./policy/pins.ts";

export interface ChangedIdentityParts {
    readonly database: Database;
    readonly jobs: Pick<ShareJobs, "served" | "move">;
    readonly devices: Pick<JobDevices, "of">;
    readonly pins: Pick<IdentityPins, "pinned">;
}

/**
 * Ends what goes on for a user who was served and has another identity now, in every room and whether or not they have
 * a new device: there are no further copies, and an invite of the bot's that was not made yet is not made. After a join
 * nothing is left to hold back. What was sent nobody can take back, and an invite that was made stands: the job says
 * so, to whoever reads its story and to the admins.
 * @param keys the user's, as their homeserver has just told; without an identity they are nobody else's
 * @returns whether it is another identity than the one first seen
 */
export function stopIfChanged(parts: ChangedIdentityParts, userId: string, { masterKey }: UserKeys): boolean {
    const pinned = parts.pins.pinned(userId);
    if (masterKey === null || pinned === undefined || masterKey === pinned) return false;
    stopServed(parts, userId);
    return true;
}

/** The same, where somebody else has found that it is another identity. */
export function stopServed({ database, jobs, devices }: Omit<ChangedIdentityParts, "pins">, userId: string): void {
    database.transaction(() => {
        for (const job of jobs.served(userId)) {
            const sent = devices.of(job.id).filter((device) => device.state === "sent").length;
            const isOver = job.state === "joined" && sent > 0;
            jobs.move(
                job,
                isOver ? "done" : "held",
                "identity_changed",
                undefined,
                sent === 0 ? undefined : whatIsDone(job, sent),
            );
        }
    });
}

function whatIsDone({ state }: Job, sent: number): string {
    const given = `keys went to ${sent} ${sent === 1 ? "device" : "devices"} of the earlier one, and nobody can take them back`;
    return state === "reinvited" ? `${given}; the bot's own invite stands until somebody withdraws it` : given;
}
