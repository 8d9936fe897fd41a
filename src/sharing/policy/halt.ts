import type { Reason } from "../ledger/reasons.ts";
import type { JobStep, WaitingReason } from "../ledger/steps.ts";

/**
 * Where a job goes that cannot go on now. `retry`: back in the queue with a pause that grows. `overtaken`: something
 * else moved the job meanwhile, and it stays there.
 */
type HaltStep =
    | JobStep<"held" | "refused" | "cancelled" | "failed">
    | readonly [to: "retry", reason: WaitingReason]
    | readonly [to: "overtaken", reason: Reason];

/** A step of a delivery found that the job cannot go on now; says where the job goes instead. */
export class Halt extends Error {
    readonly step: HaltStep;
    /** Milliseconds before which a retry makes no sense, if the server said so. */
    readonly notBefore: number | undefined;
    /** What of the facts belongs to the reason, for people: who, or what the homeserver said. */
    readonly detail: string | undefined;

    constructor(step: HaltStep, options?: ErrorOptions & Partial<Pick<Halt, "notBefore" | "detail">>) {
        super(step[1], options);
        this.name = "Halt";
        this.step = step;
        this.notBefore = options?.notBefore;
        this.detail = options?.detail;
    }

    get to(): HaltStep[0] {
        return this.step[0];
    }

    get reason(): Reason {
        return this.step[1];
    }
}
