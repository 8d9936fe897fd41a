import type { RunningClock } from "../../due/index.ts";
import type { Database } from "../../database/index.ts";
import type { HomeserverError } from "../../homeserver/index.ts";
import type { FactSources } from "../policy/facts.ts";
import { Halt } from "../policy/halt.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import type { Reason } from "../ledger/reasons.ts";
import { retrialDelay } from "../ledger/schedule.ts";
import { type JobStep, waitingStep } from "../ledger/steps.ts";
import type { ReinviteDecision } from "./reinvite-decision.ts";
import type { Standing } from "./reinvite-facts.ts";
import type { ReinviteLedger } from "./reinvite-ledger.ts";

export interface ReinviteMovesParts {
    readonly database: Database;
    readonly facts: Pick<FactSources, "policy">;
    readonly jobs: Pick<ShareJobs, "move" | "timesMoved" | "inviteMade">;
    readonly reinvites: Pick<ReinviteLedger, "limited" | "notMade">;
    readonly clock: Pick<RunningClock, "now">;
}

/**
 * Refusals of the invite after which it is no accident of the moment: power that was lost a second ago, which the sync
 * will tell.
 */
const refusalsOfTheMoment = 2;

/** Where nobody knows whether the invite was made, it stays counted: the next look at the member event will tell. */
export function afterRefusal(
    { database, jobs, reinvites, facts, clock }: ReinviteMovesParts,
    job: Job,
    error: HomeserverError,
): Reason {
    const { problem } = error;
    switch (problem.kind) {
        case "rate_limited":
            database.transaction(() => {
                const wait = reinvites.limited(
                    job,
                    problem.retryAfterMs,
                    facts.policy(job.roomId).reinvite_pace,
                    clock.now(),
                );
                jobs.move(job, ...waitingStep(job, "reinvite_limited"), wait);
            });
            return "reinvite_limited";
        case "forbidden":
            database.transaction(() => reinvites.notMade(job));
            throw forbidden(jobs, job, error);
        case "invalid":
        case "not_found":
        case "too_large":
        case "unrecognized":
            database.transaction(() => reinvites.notMade(job));
            throw error;
        default:
            throw error;
    }
}

/** Power that was lost a moment ago is told by the sync; what is refused again and again is a homeserver's rule. */
function forbidden(jobs: ReinviteMovesParts["jobs"], { id }: Job, error: HomeserverError): Halt {
    const options = { cause: error, detail: error.message };
    if (jobs.timesMoved(id, "refused_once") < refusalsOfTheMoment) return new Halt(["retry", "refused_once"], options);
    return new Halt(["retry", "reinvite_forbidden"], {
        ...options,
        notBefore: retrialDelay(jobs.timesMoved(id, "reinvite_forbidden")),
    });
}

/**
 * Moves a job to where a decision that is not "now" leaves it.
 * @param otherwise where it goes if the place is not to be taken before there is anything to send
 */
export function follow(
    { jobs, clock }: Pick<ReinviteMovesParts, "jobs" | "clock">,
    job: Job,
    decision: ReinviteDecision,
    {
        member,
        otherwise,
    }: { readonly member: Standing | undefined; readonly otherwise: JobStep<"refused"> | undefined },
): void {
    switch (decision.verdict) {
        case "now":
            return;
        case "not_needed":
            if (job.makesInvite && member !== undefined) jobs.inviteMade(job, member.eventId);
            jobs.move(job, "reinvited", otherwise === undefined ? decision.reason : "waits_for_device");
            return;
        case "never":
            if (otherwise !== undefined) jobs.move(job, ...otherwise);
            else jobs.move(job, "delivered", decision.reason);
            return;
        case "wait":
            // Who is in the room has no device that could read: to leave and come back would not help.
            if (otherwise !== undefined && decision.reason === "waits_for_leave") jobs.move(job, ...otherwise);
            else
                jobs.move(
                    job,
                    ...waitingStep(job, decision.reason),
                    decision.at && decision.at - clock.now(),
                    decision.detail,
                );
            return;
        case "over":
            jobs.move(
                job,
                "cancelled",
                decision.reason,
                undefined,
                decision.reason === "joined_on_another_invite" ? job.inviter : undefined,
            );
            return;
    }
}
