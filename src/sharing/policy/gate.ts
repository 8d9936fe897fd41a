import { decide, type ShareFacts } from "./decide.ts";
import { type FactSources, gatherFacts } from "./facts.ts";
import { Halt } from "./halt.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";

interface GateParts {
    readonly facts: FactSources;
    readonly jobs: Pick<ShareJobs, "get">;
}

/** Decides anew, with what is known now; returns only if the job may go on. @throws Halt */
export function requireGo({ facts, jobs }: GateParts, job: Job, identity: ShareFacts["invitee"]["identity"]): void {
    // An invite by somebody else may stand where this job's stood: its facts would speak for the wrong inviter.
    const current = jobs.get(job.id);
    if (current?.state !== job.state) throw new Halt(["overtaken", current?.reason ?? job.reason]);
    const decision = decide(gatherFacts(facts, job, identity));
    switch (decision.verdict) {
        case "go":
            return;
        case "wait":
            throw new Halt(["retry", decision.reason]);
        case "hold":
            throw new Halt(["held", decision.reason], { detail: decision.detail });
        case "refuse":
            throw new Halt(["refused", decision.reason]);
    }
}
