import type { Reason } from "../ledger/reasons.ts";
import type { JobState } from "../ledger/states.ts";

/** A step of a delivery found that the job cannot go on now; says where the job goes instead. */
export class Halt extends Error {
    /** `retry`: back in the queue with a pause that grows. `overtaken`: something else moved the job meanwhile, and it stays there. */
    readonly to: Extract<JobState, "held" | "refused" | "cancelled" | "failed"> | "retry" | "overtaken";
    readonly reason: Reason;
    /** Milliseconds before which a retry makes no sense, if the server said so. */
    readonly notBefore: number | undefined;
    /** What of the facts belongs to the reason, for people: who, or what the homeserver said. */
    readonly detail: string | undefined;

    constructor(to: Halt["to"], reason: Reason, options?: ErrorOptions & Partial<Pick<Halt, "notBefore" | "detail">>) {
        super(reason, options);
        this.name = "Halt";
        this.to = to;
        this.reason = reason;
        this.notBefore = options?.notBefore;
        this.detail = options?.detail;
    }
}
