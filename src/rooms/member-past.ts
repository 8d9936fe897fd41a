import type { Membership } from "../matrix/index.ts";
import type { Member } from "./room.ts";

/** What is known of somebody's time in a room before their membership of now. */
export interface MemberPast {
    /** Whether they were ever joined. "no" only where we saw everything that there was. */
    readonly wasMember: "yes" | "no" | "unknown";
    /** They were kicked or banned, and have not joined since. An invite that is taken back is neither. */
    readonly removed: boolean;
}

/** A member event, and how it fits to what we knew. */
export interface MemberStep {
    readonly membership: Membership;
    readonly byThemselves: boolean;
    /** What the event took the place of, as the homeserver says; undefined: it does not say. */
    readonly replaced: Membership | undefined;
    /** What we knew; undefined: nothing. */
    readonly before: { readonly membership: Member["membership"]; readonly past: MemberPast } | undefined;
    /** Nothing was missed between `before` and the event; where `before` is undefined, there was nothing before. */
    readonly follows: boolean;
}

/** What the past of a user is with this event. */
export function pastWith(step: MemberStep): MemberPast {
    return { wasMember: wasMember(step), removed: isRemoved(step) };
}

function wasMember({ membership, replaced, before, follows }: MemberStep): MemberPast["wasMember"] {
    if (
        membership === "join" ||
        replaced === "join" ||
        before?.membership === "join" ||
        before?.past.wasMember === "yes"
    )
        return "yes";
    if (!follows) return "unknown";
    return before?.past.wasMember ?? "no";
}

function isRemoved({ membership, byThemselves, replaced, before, follows }: MemberStep): boolean {
    if (membership === "join") return false;
    if (membership === "ban") return true;
    const wasRemoved = before?.past.removed ?? false;
    // Who was removed may knock, or be asked in and decline: that is no leaving of their own.
    if (membership !== "leave" || byThemselves) return wasRemoved;
    const last = replaced ?? (follows ? before?.membership : undefined);
    return last === "invite" || last === "knock" ? wasRemoved : true;
}
