import { inviteTexts } from "../../texts/index.ts";
import { z } from "zod";
import type { MembershipChange } from "../../rooms/index.ts";
import type { Job } from "../ledger/job.ts";

/** The field of a re-invite's content that names the human invite behind it. */
const field = "org.backscroll.reinvite";
const Mark = z.object({ [field]: z.object({ event_id: z.string().max(255) }) });

/** The invite that this content says it repeats, empty where it repeats none; undefined: no bot made it. */
export function repeatedInvite(content: Readonly<Record<string, unknown>>): string | undefined {
    return Mark.safeParse(content).data?.[field].event_id;
}

/**
 * What an invite's event says of how it was made. What it took the place of is the homeserver's word.
 * @param repeatedByUs the invite that the bot's own, which stood until now, had repeated: two bots that invite in the
 * same moment repeat the same one, and the later takes the earlier's place
 */
export function originOf(
    { event, previous }: Pick<MembershipChange, "event" | "previous">,
    repeatedByUs?: string,
): Pick<Job, "byAnotherBot" | "replacesNamed" | "byThirdParty"> {
    const named = repeatedInvite(event.content);
    const replaced = event.replacesState ?? previous?.eventId;
    const tookOurs = replaced !== undefined && replaced === previous?.eventId && named === repeatedByUs;
    return {
        byAnotherBot: named !== undefined,
        replacesNamed: named !== undefined && (named === replaced || tookOurs),
        // Source: Matrix v1.19, `m.room.member`, "third_party_invite"; whatever stands there.
        byThirdParty: event.content["third_party_invite"] !== undefined,
    };
}

/** The content of an invite that a person asked the bot to make. */
export function ownInviteContent(): object {
    return { membership: "invite", reason: inviteTexts.ownInvite, [field]: { event_id: "" } };
}

/**
 * The content of the bot's own invite in place of a human's: everything theirs (`is_direct` and custom fields
 * included), a reason that names them, and the mark. What only their own event may carry (signatures of third parties)
 * is left out.
 */
export function reinviteContent(
    original: Readonly<Record<string, unknown>>,
    invite: { readonly eventId: string; readonly inviter: string },
): object {
    const { third_party_invite: _signed, join_authorised_via_users_server: _authorised, ...kept } = original;
    return {
        ...kept,
        membership: "invite",
        reason: inviteTexts.repeated(invite.inviter),
        [field]: { event_id: invite.eventId },
    };
}
