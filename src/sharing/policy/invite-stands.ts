import type { Member } from "../../rooms/index.ts";
import { isToInvite, type Job } from "../ledger/job.ts";

/**
 * Whether what the job is for still stands: the invite that it serves, the bot's own in its place, or one that the bot
 * is still to make.
 */
export function inviteStands(
    job: Pick<Job, "inviteEventId" | "makesInvite">,
    member: Pick<Member, "membership" | "eventId" | "sender"> | undefined,
    botUserId: string,
): boolean {
    if (isToInvite(job)) return member?.membership !== "ban";
    return member?.membership === "invite" && (member.eventId === job.inviteEventId || member.sender === botUserId);
}
