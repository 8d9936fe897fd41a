import type { Member } from "../../rooms/index.ts";
import type { Job } from "../ledger/jobs.ts";

/** Whether what the job is for still stands: the invite that it serves, the bot's own in its place, or one that the bot is still to make. */
export function inviteStands(
    { inviteEventId, makesInvite }: Pick<Job, "inviteEventId" | "makesInvite">,
    member: Pick<Member, "membership" | "eventId" | "sender"> | undefined,
    botUserId: string,
): boolean {
    if (makesInvite && inviteEventId === "") return member?.membership !== "ban";
    return member?.membership === "invite" && (member.eventId === inviteEventId || member.sender === botUserId);
}
