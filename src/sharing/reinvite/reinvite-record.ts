import type { MembershipChange } from "../../rooms/index.ts";
import type { ShareJobs } from "../ledger/jobs.ts";
import type { FactSources } from "../policy/facts.ts";
import type { SharedHistory } from "./reinvite-facts.ts";
import type { ReinviteLedger } from "./reinvite-ledger.ts";

interface RecordParts {
    readonly botUserId: string;
    readonly reinvites: ReinviteLedger;
    readonly now: () => number;
}

/**
 * Notes the invites of others that a batch tells of, inside the transaction that stores the sync token: a replayed
 * batch counts nothing twice.
 */
export function recordInvites({ botUserId, reinvites, now }: RecordParts, changes: readonly MembershipChange[]): void {
    // An invite that we did not see happen has its time from its sender's server only. Our own are counted when they
    // are made.
    for (const change of changes)
        if (change.membership === "invite" && change.sender !== botUserId)
            reinvites.invited(change, change.foundAtJoin ? Math.min(change.at, now()) : now(), now());
}

interface ReleaseParts {
    readonly jobs: ShareJobs;
    readonly reinvites: Pick<ReinviteLedger, "uncovered">;
    readonly history: SharedHistory;
    readonly facts: Pick<FactSources, "policy">;
}

/** Jobs that wait for more keys, or for a count of them, go on once the bot's bundle is the better one. */
export function releaseUncovered({ jobs, reinvites, history, facts }: ReleaseParts): void {
    for (const jobId of reinvites.uncovered()) {
        const job = jobs.get(jobId);
        if (job === undefined) continue;
        const policy = facts.policy(job.roomId);
        const { outcome, sentence } = history.compare(job.roomId, job.inviter, policy, {});
        // The setting may be another since the last start.
        const asSet = policy.reinvite === "always" || policy.reinvite === "never";
        // The bundle that was sent may lack what has come since: they are served anew.
        if (job.reason === "coverage_incomplete" && (asSet || outcome === "better")) jobs.release(job, "keys_arrived");
        else if (job.reason === "coverage_unknown" && (asSet || outcome !== "unknown"))
            jobs.move(job, "delivered", "sent", 0);
        else jobs.restate(job, sentence);
    }
}
