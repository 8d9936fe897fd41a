import type { PowerLevels, RoomCreation } from "../matrix/index.ts";

/** What decides about power in a room. */
export interface PowerFacts {
    /** Undefined: not seen. */
    readonly creation: RoomCreation | undefined;
    /** "absent": the state was seen whole and has no such event. "unknown": not seen, or unreadable. */
    readonly levels: PowerLevels | "absent" | "unknown";
}

/** Levels of a room without `m.room.power_levels`. Source: Matrix v1.19, `m.room.power_levels`. */
const absentLevels = { usersDefault: 0, invite: 0, kick: 50, creator: 100 } as const;

/**
 * Whether a joined user's level allows inviting. False while nothing is known. Source: room versions 1 to 12,
 * authorization rules.
 */
export function mayInvite(facts: PowerFacts, userId: string): boolean {
    return levelOf(facts, userId) >= threshold(facts, "invite");
}

/** Whether a joined user's level allows kicking the target: enough for kicking, and more than the target's. */
export function mayKick(facts: PowerFacts, userId: string, targetId: string): boolean {
    return levelOf(facts, userId) >= threshold(facts, "kick") && levelOf(facts, userId) > levelOf(facts, targetId);
}

function levelOf({ creation, levels }: PowerFacts, userId: string): number {
    const isCreator = creation?.creators.includes(userId) ?? false;
    if (isCreator && creation?.privilegedCreators === true) return Number.POSITIVE_INFINITY;
    if (levels === "unknown") return Number.NEGATIVE_INFINITY;
    if (levels === "absent") return isCreator ? absentLevels.creator : absentLevels.usersDefault;
    return levels.users.get(userId) ?? levels.usersDefault;
}

function threshold({ levels }: PowerFacts, action: "invite" | "kick"): number {
    if (levels === "unknown") return Number.MAX_SAFE_INTEGER;
    return levels === "absent" ? absentLevels[action] : levels[action];
}
