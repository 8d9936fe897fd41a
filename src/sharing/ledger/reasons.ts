/**
 * Why a share job stands where it stands: a stable code, and a sentence for people. By chapters, of which each belongs
 * to one state or to several (`steps.ts`).
 * Operators' scripts rely on the codes; the sentences may be improved.
 */
export const chapters = {
    /** Why a job was made. */
    begun: {
        invited: "The invite has been seen; the delivery is about to start.",
        requested: "The delivery was asked for by a command.",
    },
    /** Why a job goes on that rested. */
    released: {
        approved: "The delivery was approved by a command.",
        trusted: "The invitee's changed identity was accepted by a command.",
        resumed: "Sharing was resumed.",
        bot_returned: "The bot is back in the room, and the invite still stands.",
        keys_arrived: "Keys that may be shared have come.",
        devices_appeared: "The invitee has a device now that can be given the keys.",
        reinvite_stands: "Another bot's invite and the bot's own crossed, and the bot's own is the one that stands.",
        power_granted: "The bot may invite now.",
        room_opened:
            "What kept the room's history from newcomers, in the room or in the configuration, has been changed.",
        account_appeared: "The invitee has an account now.",
        tried_again: "What had failed is tried again, as the invite still stands.",
    },
    /** While it is carried out. */
    delivering: {
        delivering: "The keys are being delivered.",
    },
    /** What was in the way and heals by itself. */
    triedAgain: {
        room_state_unknown:
            "The room's state has not been seen whole yet, or a part of it cannot be read; this is tried again.",
        homeserver_unavailable: "The homeserver did not answer as it should; this is tried again.",
        refused_once:
            "The homeserver refused a request; this is tried again, and only a no that lasts for hours is believed.",
        bot_interrupted: "The bot itself was interrupted, by a full disk for example; this is tried again.",
        invitee_server_unreachable:
            "The invitee's homeserver cannot be reached for their devices' keys, or its answer cannot be used; this is tried again.",
        no_session_with_devices:
            "No encrypted channel to any of the invitee's devices could be opened; this is tried again.",
        bot_not_cross_signed:
            "The homeserver does not publish the bot's device as signed by the account's identity, and clients open nothing " +
            "from such a device: `backscroll status` says what to do. This goes on by itself then.",
        not_encrypted:
            "The keys could not be encrypted for any of the invitee's devices, and the log says why; this is tried again.",
    },
    /** A person decides. */
    held: {
        paused: "Sharing is paused: use `backscroll resume`.",
        waits_for_approval: "This room shares only with approval: use `backscroll approve`.",
        inviter_server_not_trusted:
            "The inviter's homeserver is not in sharing.trusted_servers: use `backscroll approve` if you know about this invite.",
        looks_like_member:
            "The invitee can be taken for somebody who is in the room already: make sure who they are, then use `backscroll approve`, or withdraw the invite.",
        name_reordered:
            "The invitee's name has invisible characters in it that let it be shown in another order than it is written in, so that it may read like " +
            "another name: make sure who they are, then use `backscroll approve`, or withdraw the invite.",
        too_many_invitees:
            "More people were given the history within an hour than sharing.max_invitees_per_hour: use `backscroll approve`, for all of them with --room.",
        identity_changed: "The invitee's identity is not the one first seen: ask them, then use `backscroll trust`.",
        account_appeared_late:
            "Nobody had this user ID when they were invited, and somebody registered it more than a day later: make sure who that is, then use `backscroll approve`, or withdraw the invite.",
        too_many_devices:
            "The invitee's homeserver tells of more than 300 devices of theirs, or sends more about them than the bot reads: use `backscroll approve` when they are fewer.",
        ended_the_bot:
            "The bot ended three times while it encrypted the keys for the invitee's devices: its log says of what. Use `backscroll approve` to let it try once more.",
        inviter_removed:
            "The inviter has been kicked or banned: make sure that the invitee is welcome all the same, then use `backscroll approve`, or withdraw the invite.",
        invited_by_third_party:
            "The invite was made for an e-mail address or a phone number, and nobody here knows whether the one who redeemed it is the one who was meant: make sure who they are, then use `backscroll approve`, or withdraw the invite.",
        no_power_to_invite:
            "The bot may not invite here, so the invitee's client would never open its keys: give the bot the power to invite.",
    },
    /** The keys were sent, and that is all. */
    sent: {
        sent: "The keys were sent to the invitee's devices.",
        sent_without_reinvite:
            "The keys were sent; the setting sharing.reinvite leaves the invite to others, and clients open only the inviter's keys.",
        direct_chat:
            "The keys were sent. The bot does not invite again into a direct chat unless `backscroll share` asks for it.",
    },
    /** Said in the story of a job, and never where it stands. */
    told: {
        older_left_out:
            "Not all sessions may be in one file (sharing.max_sessions, sharing.max_age, or the homeserver's limit for uploads): the newest were sent, the older ones left out.",
        inviter_left:
            "The inviter has left the room since. They had the right to invite when they did, so the keys were sent.",
        inviter_powerless:
            "The inviter may not invite any more. They had the right to when they did, so the keys were sent.",
    },
    /** What the bot's own invite waits for, after the keys or before them. */
    untilInvited: {
        coverage_incomplete:
            "The keys were sent. The bot does not invite again, because the inviter's own keys may be better than the bot's " +
            "(sharing.reinvite, sharing.reinvite_thresholds): it looks again when keys come (`backscroll import-keys`).",
        coverage_unknown:
            "The keys were sent. Before the bot invites again, it counts whether its keys are better than what the inviter's " +
            "own client may have sent.",
        reinvited_often:
            "The bot has invited this person into this room three times in 7 days: the next time is after that.",
        other_bot_not_listed:
            "This invite carries the mark of a bot that shares history, and the mark is not believed: its sender is not in sharing.other_bots, or the invite did not take the place of the one that it names. The bot repeats such invites of one person into one room once in 7 days, and has done so: if the sender is such a bot, and you trust it, name it there; if not, ask them what they are doing.",
        reinvite_asked: "The homeserver has taken the bot's own invite; the bot waits to see it in the room.",
        reinvite_ignored:
            "The homeserver said yes to the bot's own invite, and nothing happened in the room: it may have shadow-banned the bot's account. Ask its admin; the bot tries again every few hours.",
        reinvite_forbidden:
            "The homeserver refuses the bot's own invite: its admins may have reserved invites for themselves, or a spam checker is in the way. Ask its admin; the bot tries again every few hours.",
        waits_for_leave:
            "Everything is ready, and the keys were sent: now the invitee can leave the room, and the bot invites them as soon as they have left.",
        reinvite_paced:
            "The bot's own invite waits, to leave people the invites that the homeserver allows in this room (sharing.reinvite_pace).",
        invitee_paced:
            "The bot's own invite waits, to leave people the invites that the homeserver allows for this person in all rooms (sharing.reinvite_pace).",
        bot_paced:
            "The bot's own invite waits, because the homeserver allows the bot only so many (sharing.reinvite_pace).",
        reinvite_limited: "The homeserver has had too many invites lately; the bot's own waits until it takes more.",
    },
    /** The bot is the inviter of record. */
    placed: {
        already_inviter: "The keys were sent, and the bot already is the inviter of record.",
        reinvited:
            "The keys were sent and the bot invited again, so the invitee's client will open them when they join.",
        invited_by_bot:
            "The keys were sent and the bot made the invite, so the invitee's client will open them when they join.",
        waits_for_device:
            "The bot is the inviter of record; the invitee has no device yet that their identity has signed. The keys are sent when they have one, at the latest when they join.",
        place_blocked:
            "The bot is the inviter of record, so nobody else's keys would be opened, and it may not send its own now.",
    },
    /** The invitee joined on its invite. */
    joined: {
        joined_blocked:
            "The invitee joined on the bot's own invite, so nobody else's keys are opened, and the bot may not send its own now.",
        joined: "The invitee joined on the bot's own invite, so their client opens the bot's keys, unless their server accepted in their stead: clients open none then.",
    },
    /** The invitee joined, and nothing is left to do. */
    over: {
        left_again: "The invitee joined, and has left again.",
        watched_long_enough: "The invitee joined, and every device that appeared within a day was served.",
        inviter_removed_since:
            "The invitee joined. The inviter has been kicked or banned since, so that devices that appear from now on are sent nothing.",
    },
    /** Not right as things are. */
    refused: {
        sharing_off: "Sharing is off for this room (sharing.mode).",
        only_by_command: "This room shares only by command: use `backscroll share`.",
        not_in_room: "The bot is not in this room: invite it first.",
        not_invited: "This user is not invited to the room, so no client would open the keys: invite them first.",
        room_not_encrypted: "The room is not encrypted: there is nothing to share.",
        visibility_not_shared:
            "The room's history visibility keeps history from newcomers (it has to be shared or world_readable).",
        no_identity:
            "The invitee has no cross-signing identity: they have to set one up in their client; the bot looks again while the invite stands.",
        no_cross_signed_device:
            "None of the invitee's devices is signed by their identity: they have to verify one; the bot looks again while the invite stands.",
        nothing_to_share:
            "The bot holds no session of this room that its sender marked as shareable; it looks again when keys come while the invite stands.",
        nothing_used_yet:
            "The bot holds no key that may be shared and that a known message of this room uses; it looks again when there is one.",
        no_such_account:
            "Nobody has this user ID yet: it may be a typing mistake. The bot looks again while the invite stands.",
        joined_without_invite:
            "They joined without an invite (by a link, or through a space), so their client opens nobody's keys.",
        reinvited_by_another_bot: "A bot of sharing.other_bots made this invite to share history itself.",
    },
    /** Said by earlier versions: jobs may still stand there, and none goes there. */
    earlier: {
        declined_lately: "The keys were sent. The invitee had declined an invite to this room less than 7 days before.",
    },
    /** What it was for is over. */
    cancelled: {
        superseded: "A newer invite of the same user took this one's place.",
        invite_withdrawn: "The invite was withdrawn.",
        invite_declined: "The invitee declined.",
        invitee_banned: "The invitee was banned.",
        bot_left: "The bot is no longer in the room.",
        joined_before_delivery:
            "The invitee joined on an invite that is not the bot's, before the keys were sent: their client opens only what its sender sent.",
        joined_on_another_invite:
            "The invitee joined on an invite that is not the bot's: their client opens only the keys of whoever sent it, if that person's client shares any.",
        joined_unserved:
            "The invitee joined on the bot's own invite, so nobody else's keys are opened, and the bot could not send its own within a day.",
        released_too_late:
            "The invitee joined on the bot's own invite, and the keys were not released within a day of that.",
        place_left:
            "The bot is no longer in the room, and the invitee's client would open only the bot's keys, which were never sent: invite them again.",
        cancelled_by_command: "The delivery was cancelled by a command.",
    },
    /** What became of the bot's own invite after that. */
    takenBack: {
        reinvite_taken_back: "The invite ended in the very moment of the bot's own; the bot's was taken back.",
        reinvite_left_standing:
            "The invite ended in the very moment of the bot's own, and the bot may not take its invite back: somebody with the power to kick has to.",
    },
    /** Its time is over. */
    expired: {
        unanswered: "Nobody has answered the invite for 30 days, so no more is done for it unless the invitee joins.",
    },
    /** It cannot be done. */
    failed: {
        upload_refused: "The homeserver refused the upload of the keys.",
        bundle_too_large: "The keys are larger than the homeserver lets us upload.",
        refused_by_homeserver: "The homeserver refused a request in a way that trying again cannot heal.",
        internal_error: "A fault of Backscroll's own stopped the delivery; the log has it under this job's id.",
    },
} as const;

/** All of them, in the order of the chapters. */
export const reasons = {
    ...chapters.begun,
    ...chapters.released,
    ...chapters.delivering,
    ...chapters.triedAgain,
    ...chapters.held,
    ...chapters.sent,
    ...chapters.told,
    ...chapters.untilInvited,
    ...chapters.placed,
    ...chapters.joined,
    ...chapters.over,
    ...chapters.refused,
    ...chapters.earlier,
    ...chapters.cancelled,
    ...chapters.takenBack,
    ...chapters.expired,
    ...chapters.failed,
} as const;

export type Reason = keyof typeof reasons;

/** Ends that are lifted when keys of the room come, or messages that use them. */
export const wantOfKeys: readonly Reason[] = ["nothing_to_share", "nothing_used_yet"];

/** A reason for people, with what of the facts belongs to it: who, or what the homeserver said. */
export function sentence(reason: Reason, detail: string | undefined): string {
    return detail !== undefined ? `${reasons[reason]} Namely: ${detail}.` : reasons[reason];
}

/** @throws Error for a word that is no reason: somebody else wrote into the ledger */
export function reasonFrom(word: unknown): Reason {
    if (!isReason(word)) throw new Error(`the ledger of share jobs has an unknown reason ${String(word)}`);
    return word;
}

function isReason(word: unknown): word is Reason {
    return typeof word === "string" && Object.hasOwn(reasons, word);
}
