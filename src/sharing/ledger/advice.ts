import type { Reason } from "./reasons.ts";
import type { JobState } from "./states.ts";

interface AdvisedJob {
    readonly id: string;
    readonly roomId: string;
    readonly userId: string;
    readonly state: JobState;
    readonly reason: Reason;
}

/** What a person can do next about a job, with the command to type where there is one. */
export function advice(job: AdvisedJob): string {
    return forReason(job) ?? forState(job);
}

/** Where the way on depends on the reason, not only on the state. */
function forReason({ id, roomId, userId, reason }: AdvisedJob): string | undefined {
    const again = share(roomId, userId);
    switch (reason) {
        case "paused":
            return `\`backscroll resume\`, or \`backscroll resume ${word(roomId)}\` if only this room is paused.`;
        case "bot_not_cross_signed":
            return "What `backscroll status` says under Identity about the bot's account: it goes on by itself then.";
        case "identity_changed":
            return `Ask ${userId} for the fingerprint that their client shows, then \`backscroll trust ${word(userId)} --key FINGERPRINT\`. Do not take it from the homeserver.`;
        case "too_many_devices":
            return `Ask ${userId} to sign out of the sessions that they do not use, then \`backscroll approve ${id}\`. If nobody can have so many: \`backscroll cancel ${id}\`, and withdraw the invite.`;
        case "ended_the_bot":
            return `See what the log says of the bot's ends, and how many devices ${userId} has. \`backscroll approve ${id}\` tries once more; to leave it: \`backscroll cancel ${id}\`.`;
        case "no_power_to_invite":
            return "Give the bot the power to invite in this room: it goes on by itself.";
        case "looks_like_member":
        case "name_reordered":
        case "account_appeared_late":
        case "inviter_removed":
        case "invited_by_third_party":
            return `Make sure who ${userId} is. If all is well: \`backscroll approve ${id}\`; else withdraw the invite in the room.`;
        case "no_identity":
        case "no_cross_signed_device":
            return `Let ${userId} verify a device in their client, as they set up encryption there: while the invite stands, it goes on by itself.`;
        case "nothing_to_share":
            return "`backscroll import-keys FILE`, if somebody has the room's keys; it goes on by itself when keys come while the invite stands.";
        case "joined_before_delivery":
        case "joined_on_another_invite":
        case "joined_without_invite":
        case "released_too_late":
        case "joined_unserved":
            return `If they cannot read what was said before: ${invite(roomId, userId)}, which says when they can leave and come back; or an encrypted key export from a member.`;
        case "waits_for_leave":
            return `Tell ${userId} to leave the room now; the bot invites them by itself. To stop it: \`backscroll cancel ${id}\`.`;
        case "place_left":
            return `Invite the bot into the room again, and then ${userId}; or remove them and invite them yourself, from a client that shares history.`;
        case "joined_blocked":
            return "What the reason names has to be put right within a day of the join: it goes on by itself.";
        case "place_blocked":
            return "What the reason names has to be put right: it goes on by itself. Else withdraw the bot's invite, and invite them yourself.";
        case "reinvite_forbidden":
        case "reinvite_ignored":
            return `Let the homeserver's admin allow the bot's account to invite; until then let ${userId} wait, as accepting now may lose them the history.`;
        case "internal_error":
            return `The log has the fault. ${again} tries it once more.`;
        case "no_such_account":
            return `Look whether ${userId} is the right name. If it is a mistake, withdraw the invite: a stranger could register it.`;
        case "other_bot_not_listed":
            return "If the sender of the invite is a bot of yours: name it in sharing.other_bots, and this bot in its own, and restart both.";
        case "sharing_off":
            return `Set sharing.mode for this room to something else, restart, and then ${again}.`;
        case "visibility_not_shared":
            return "Set the room's history visibility to shared, if newcomers are meant to read it: it counts for what is said from then on, and the delivery goes on by itself while the invite stands.";
        case "room_not_encrypted":
            return "Nothing: whoever joins can read what the room's settings show them.";
        case "reinvite_left_standing":
            return `Let somebody with the power to kick remove ${userId} from the room, if they are not to come.`;
        case "bundle_too_large":
            return `Raise the homeserver's upload limit, or set sharing.max_sessions lower: it is tried again by itself, or at once by ${again}.`;
        case "coverage_incomplete":
            return "`backscroll import-keys FILE` with the keys that the bot lacks, or sharing.reinvite: always for this room. Else clients open only what the inviter's own client sent.";
        default:
            return undefined;
    }
}

function forState({ id, roomId, userId, state }: AdvisedJob): string {
    const again = share(roomId, userId);
    switch (state) {
        case "held":
            return `If all is well: \`backscroll approve ${id}\`. If not: \`backscroll cancel ${id}\`, and withdraw the invite in the room.`;
        case "queued":
        case "delivering":
            return `Nothing: it goes on by itself. To stop it: \`backscroll cancel ${id}\`.`;
        case "delivered":
        case "reinvited":
            return `Nothing: ${userId} can accept the invite. To send everything once more: ${again}.`;
        case "joined":
        case "done":
            return 'Nothing. If the history stays unreadable, see README.md, "When somebody cannot read".';
        case "failed":
            return `The bot tries again by itself while ${userId} is invited. When what the reason names is put right, ${again} does it at once.`;
        case "refused":
            return `When what the reason names is put right, and ${userId} is still invited: ${again}. Else invite them again.`;
        case "cancelled":
        case "expired":
            return `Nothing. If ${userId} is to come after all, invite them again.`;
    }
}

const invite = (roomId: string, userId: string) => `\`backscroll invite ${word(roomId)} ${word(userId)}\``;
const share = (roomId: string, userId: string) => `\`backscroll share ${word(roomId)} ${word(userId)}\``;

/** As one word for a shell: IDs come from other people's servers, and somebody will copy the line. */
function word(text: string): string {
    return /^[\w@.:=/+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
