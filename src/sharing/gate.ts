import { decide, type ShareFacts } from "./decide.ts";
import { type FactSources, gatherFacts } from "./facts.ts";
import { Halt } from "./halt.ts";
import type { Job } from "./jobs.ts";

/** Decides anew, with what is known now; returns only if the job may go on. @throws Halt */
export function pass(sources: FactSources, job: Job, identity: ShareFacts["invitee"]["identity"]): void {
    const decision = decide(gatherFacts(sources, job, identity));
    switch (decision.verdict) {
        case "go":
            return;
        case "wait":
            throw new Halt("retry", decision.reason);
        case "hold":
            throw new Halt("held", decision.reason);
        case "refuse":
            throw new Halt("refused", decision.reason);
    }
}
