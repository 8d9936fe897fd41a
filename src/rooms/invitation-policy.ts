/** Who may bring the bot into rooms: `invites.from` and `invites.others` of the configuration. */
export interface InvitationPolicy {
    /** User IDs; `*` stands for any characters, `?` for one. */
    readonly from: readonly string[];
    readonly others: "reject" | "leave_pending";
}

export type InvitationAnswer = "accept" | "reject" | "leave_pending";

/** What the bot does about an invite by this user. */
export function answerTo(inviter: string, policy: InvitationPolicy): InvitationAnswer {
    return mayInviteTheBot(inviter, policy) ? "accept" : policy.others;
}

/** Whether this user may bring the bot into a room. */
export function mayInviteTheBot(userId: string, { from }: InvitationPolicy): boolean {
    return from.some((pattern) => matches(userId, pattern));
}

/**
 * Compares from left to right, and goes back only to the last `*`: no pattern takes more than (length of text) x
 * (length of pattern) steps.
 */
function matches(text: string, pattern: string): boolean {
    let inText = 0;
    let inPattern = 0;
    let star: { readonly afterStar: number; readonly resumeAt: number } | undefined;
    while (inText < text.length) {
        if (pattern[inPattern] === "*") {
            star = { afterStar: inPattern + 1, resumeAt: inText };
            inPattern++;
        } else if (pattern[inPattern] === "?" || pattern[inPattern] === text[inText]) {
            inText++;
            inPattern++;
        } else if (star === undefined) {
            return false;
        } else {
            star = { ...star, resumeAt: star.resumeAt + 1 };
            inText = star.resumeAt;
            inPattern = star.afterStar;
        }
    }
    return pattern.slice(inPattern).replaceAll("*", "") === "";
}
