import { flagOf, numberOrNothing, type Row, textOf, textOrNothing, wordOf } from "../database/index.ts";
import type { Membership } from "../matrix/index.ts";
import type { MemberPast } from "./member-past.ts";
import type { Member } from "./room.ts";

export const memberships = ["invite", "join", "knock", "leave", "ban"] as const satisfies readonly Membership[];

/** Of a member whose event cannot be read nobody knows it. */
const ofMembers = [...memberships, "unknown"] as const;

export function memberFrom(row: Row): Member {
    const displayName = textOrNothing(row, "display_name");
    return {
        userId: textOf(row, "user_id"),
        membership: wordOf(row, "membership", ofMembers),
        eventId: textOf(row, "event_id"),
        sender: textOf(row, "sender"),
        isDirect: flagOf(row, "is_direct"),
        ...(displayName === undefined ? {} : { displayName }),
    };
}

export function pastFrom(row: Row): MemberPast {
    const was = numberOrNothing(row, "was_member");
    return { wasMember: was === 1 ? "yes" : was === 0 ? "no" : "unknown", removed: flagOf(row, "removed") };
}
