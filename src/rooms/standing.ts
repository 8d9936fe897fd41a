import type { Membership } from "../matrix/index.ts";
import type { MembershipChange } from "./changes.ts";
import type { KeptMember } from "./member-table.ts";
import type { Member } from "./room.ts";

/** A new display name or picture. */
export function isRenaming(membership: Membership, previous: Member | undefined): boolean {
    return membership === "join" && previous?.membership === "join";
}

/**
 * Of what the whole state says of others: where each of them stands now, as far as we did not know it. What is pending
 * when we join is told even if we knew it from an earlier stay. Oldest first.
 */
export function standing(
    found: readonly MembershipChange[],
    known: ReadonlyMap<string, KeptMember>,
): readonly MembershipChange[] {
    const last = new Map(found.map((change) => [change.userId, change]));
    const changes = [...last.values()].map((change) => ({ ...change, previous: known.get(change.userId)?.member }));
    return changes
        .filter(({ membership, eventId, foundAtJoin, previous }) => {
            if (membership === "invite" && foundAtJoin) return true;
            if (previous === undefined) return membership === "invite";
            return previous.eventId !== eventId && !isRenaming(membership, previous);
        })
        .toSorted((a, b) => a.at - b.at);
}
