import type { MembershipChange } from "../../rooms/index.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import { changeInWords, changeSince, isForRemoved } from "./decide.ts";
import { type FactSources, inviterMayInvite, inviterStanding } from "./facts.ts";

interface Parts {
    readonly jobs: Pick<ShareJobs, "open" | "wasSent" | "move">;
    readonly facts: Pick<FactSources, "rooms" | "botUserId">;
}

/**
 * Stops what goes on for the invitees of somebody who was kicked or banned, whatever it waits for: there are no
 * further copies, and an invite of the bot's that was not made yet is not made, until a person says that the invite
 * counts all the same. What waits for a person already is decided anew when it is released. Inside the transaction that
 * records the batch.
 */
export function stopForRemoved({ jobs, facts }: Parts, changes: readonly MembershipChange[]): void {
    const gone = changes.filter(({ membership }) => membership === "ban" || membership === "leave");
    for (const [roomId, ofRoom] of Map.groupBy(gone, (change) => change.roomId)) {
        const users = new Set(ofRoom.map(({ userId }) => userId));
        for (const job of jobs.open(roomId)) {
            if (job.state === "held" || !users.has(job.inviter)) continue;
            if (isForRemoved({ ...job, inviter: { standing: inviterStanding(facts, job) } })) stop(jobs, job);
        }
    }
}

/** After a join nothing is left to hold back: whoever has keys keeps them. */
function stop(jobs: Parts["jobs"], job: Job): void {
    const wasSent = jobs.wasSent(job.id);
    if (job.state === "joined" && wasSent) jobs.move(job, "done", "inviter_removed_since");
    else jobs.move(job, "held", "inviter_removed", undefined, wasSent ? whatIsDone(job) : undefined);
}

function whatIsDone({ state }: Job): string {
    const given = "the invitee has been sent keys, and nobody can take them back";
    return state === "reinvited" ? `${given}; the bot's own invite stands until somebody withdraws it` : given;
}

/** Whoever approves sees how the inviters of waiting jobs stand now. Inside a transaction of the caller's. */
export function restateInviters(
    { jobs, facts }: { readonly jobs: Pick<ShareJobs, "held" | "restate">; readonly facts: Parts["facts"] },
    roomIds: readonly string[],
): void {
    const known = new Map<string, string | undefined>();
    for (const job of jobs.held("waits_for_approval", roomIds)) {
        const key = JSON.stringify([job.roomId, job.inviter]);
        if (!known.has(key)) known.set(key, changeInWords(inviterNow(facts, job)));
        jobs.restate(job, known.get(key));
    }
}

/**
 * Says once in a job's story, when keys go out, that the inviter could not invite any more. Inside a transaction of the
 * caller's.
 */
export function tellOfInviter(
    { jobs, facts }: { readonly jobs: Pick<ShareJobs, "timesMoved" | "tell">; readonly facts: Parts["facts"] },
    job: Job,
): void {
    const change = changeSince(inviterNow(facts, job));
    if (change !== undefined && jobs.timesMoved(job.id, change) === 0) jobs.tell(job.id, change);
}

function inviterNow(facts: Parts["facts"], job: Job): Parameters<typeof changeSince>[0] {
    return { standing: inviterStanding(facts, job), mayInvite: inviterMayInvite(facts, job) };
}
