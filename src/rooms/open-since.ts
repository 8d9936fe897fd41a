import type { HistoryVisibility } from "../matrix/index.ts";

type Visibility = HistoryVisibility | "unknown";

/** What was known of a room's history visibility before a batch, and what the batch says of it. */
export interface VisibilityCourse {
    /** Since when it was open before; undefined: it was not, it is not known, or we were not in the room. */
    readonly openSince: number | undefined;
    /** The visibilities that the batch set, in order. */
    readonly set: readonly Visibility[];
    /** The batch shows all that happened; else something may have come between what it shows. */
    readonly gapless: boolean;
    /** The event in force is the one that was in force before. */
    readonly sameEvent: boolean;
    /** In force now. */
    readonly visibility: Visibility;
}

/**
 * Since when newcomers may read what is said, without interruption as far as anybody can tell; milliseconds since the
 * epoch.
 */
export function openSince(
    { openSince, set, gapless, sameEvent, visibility }: VisibilityCourse,
    now: number,
): number | undefined {
    if (!isHistoryOpen(visibility)) return undefined;
    const unbroken = sameEvent || (gapless && set.every(isHistoryOpen));
    return unbroken ? (openSince ?? now) : now;
}

/** Newcomers may read what was said before they came. */
export function isHistoryOpen(visibility: Visibility): boolean {
    return visibility === "shared" || visibility === "world_readable";
}
