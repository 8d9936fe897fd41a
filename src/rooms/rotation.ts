import type { HistoryVisibility, Membership } from "../matrix/index.ts";
import { isHistoryOpen } from "./open-since.ts";

/**
 * Whether our outbound session must not be used across this change: the visibility went over the line between what
 * newcomers may read and what they may not. Something unknown lies on neither side. Source: MSC4268, "Security
 * considerations".
 */
export function rotatesOnVisibility(
    before: HistoryVisibility | "unknown",
    after: HistoryVisibility | "unknown",
): boolean {
    return side(before) !== side(after);
}

/**
 * Whether our outbound session must not be used after this member event: somebody leaves, is kicked or banned. Where
 * the server left out events, anything but a join may hide a leave.
 */
export function rotatesOnMembership(membership: Membership, limited: boolean): boolean {
    return membership === "leave" || membership === "ban" || (limited && membership !== "join");
}

function side(visibility: HistoryVisibility | "unknown"): "open" | "closed" | "unknown" {
    if (visibility === "unknown") return "unknown";
    return isHistoryOpen(visibility) ? "open" : "closed";
}
