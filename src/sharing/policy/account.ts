import type { Job } from "../ledger/jobs.ts";

/** Milliseconds of `ShareClock` after the invite: whoever makes the account later may not be the one who was meant. */
const expectedWithin = 24 * 3_600_000;

/**
 * What is known of the invitee's account after the homeserver was asked for it.
 * @param ran now, by `ShareClock`
 */
export function accountOf(
    { account, createdRan }: Pick<Job, "account" | "createdRan">,
    exists: boolean,
    ran: number,
): NonNullable<Job["account"]> {
    if (!exists) return "missing";
    return account === "missing" && ran - createdRan > expectedWithin ? "late" : "there";
}
