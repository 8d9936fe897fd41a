import type { Job } from "../ledger/jobs.ts";

/** Milliseconds after the invite: whoever makes the account later may not be the one who was meant. */
const expectedWithin = 24 * 3_600_000;

/** Now, in milliseconds: by `RunningClock` and by the wall clock. */
interface Clocks {
    readonly ran: number;
    readonly now: number;
}

/**
 * What is known of the invitee's account after the homeserver was asked for it. What either clock says is late is late.
 */
export function accountOf(
    { account, createdRan, createdAt }: Pick<Job, "account" | "createdRan" | "createdAt">,
    exists: boolean,
    { ran, now }: Clocks,
): NonNullable<Job["account"]> {
    if (!exists) return "missing";
    const isLate = ran - createdRan > expectedWithin || now - createdAt > expectedWithin;
    return account === "missing" && isLate ? "late" : "there";
}
