import type { Homeserver } from "../homeserver/index.ts";
import type { NoSignedDevice } from "./delivery/no-signed-device.ts";
import { accountOf } from "./policy/account.ts";
import { Halt } from "./policy/halt.ts";
import type { Job, ShareJobs } from "./ledger/jobs.ts";
import type { Reason } from "./ledger/reasons.ts";
import type { RunningClock } from "../due/index.ts";
import { type ReinviteParts, takePlaceFirst } from "./reinvite/reinvite.ts";

export type PlaceFirstParts = ReinviteParts & {
    readonly jobs: Pick<ShareJobs, "setAccount">;
    readonly clock: Pick<RunningClock, "ran" | "now">;
    readonly homeserver: Pick<Homeserver, "hasAccount">;
    readonly now: () => number;
};

/**
 * Invites somebody who has no signed device yet, before there is anything to send to: no client can have sent them keys
 * that they could open, and when they log in and accept within seconds, the bot has to be the one whose keys their
 * client waits for.
 * @returns why the job, which has been moved on, stands where it stands now
 * @throws Halt if that is not sure, or the user ID is nobody's
 */
export async function placeFirst(parts: PlaceFirstParts, job: Job, halt: NoSignedDevice): Promise<Reason> {
    if (!halt.hasAccount) await requireAccount(parts, job);
    if (!halt.certain) throw halt;
    return await takePlaceFirst(parts, job, halt.refusal);
}

/**
 * A name that nobody has yet, a typing mistake perhaps, may be a stranger's tomorrow. Who was there at the first look
 * is not asked for again.
 */
async function requireAccount({ database, jobs, homeserver, clock, now }: PlaceFirstParts, job: Job): Promise<void> {
    if (job.account === "there" || job.account === "late") return;
    const account = accountOf(job, await homeserver.hasAccount(job.userId), { ran: clock.ran(), now: now() });
    database.transaction(() => jobs.setAccount(job, account));
    if (account === "missing") throw new Halt(["refused", "no_such_account"]);
    if (account === "late") throw new Halt(["held", "account_appeared_late"]);
}
