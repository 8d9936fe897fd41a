/** Everything that the bot says in rooms. */

export interface GreetingFacts {
    readonly visibility: "invited" | "joined" | "shared" | "world_readable" | "unknown";
    readonly canInvite: boolean;
    /** Sessions that may be shared already, such as imported ones. */
    readonly shareable: number;
    /** The day (ISO 8601) since when nearly all messages can be handed on, if that was before the bot came. */
    readonly since: string | undefined;
}

/** What the bot does here, from when on, and what is missing for it. Plain text. */
export function greeting(facts: GreetingFacts): string {
    const missing = [...visibilityProblem(facts.visibility), ...powerProblem(facts.canInvite)];
    return [
        "Hello, I am Backscroll. Whoever is invited here gets the keys to the earlier messages that this room's history setting shows to newcomers, on each of their verified devices.",
        reachBack(facts),
        ...(missing.length === 0
            ? ["Everything is set: just invite people as always."]
            : ["What is missing:", ...missing.map((line) => `- ${line}`)]),
    ].join("\n");
}

function reachBack({ shareable, since }: GreetingFacts): string {
    if (shareable === 0) return "I can hand on what is written from now on; earlier messages only if their keys are imported.";
    if (since !== undefined) return `I can hand on what was written since ${since}, and what is written from now on.`;
    return `I can hand on what is written from now on, and earlier messages of ${shareable} sessions.`;
}

function visibilityProblem(visibility: GreetingFacts["visibility"]): readonly string[] {
    switch (visibility) {
        case "shared":
        case "world_readable":
            return [];
        case "invited":
        case "joined":
            return [
                `The room's history is hidden from newcomers ("${visibility}"), so I share nothing. Set it to "members only (since the point in time of selecting this option)" if that is not meant.`,
            ];
        case "unknown":
            return ["I do not understand the room's history setting, so I share nothing. Please set it anew."];
    }
}

function powerProblem(canInvite: boolean): readonly string[] {
    return canInvite
        ? []
        : [
              "I may not invite here. Newcomers' clients open keys only from whoever invited them last, so I have to repeat your invites: please give me the power to invite.",
          ];
}

/** Why a request to verify the bot is cancelled, and what can be done instead. */
export const verificationReason =
    "This bot cannot be verified interactively. Compare its fingerprint (`backscroll status` shows it) with what your client shows.";

/** A delivery that needs a person. */
export interface NoticeFacts {
    readonly jobId: number;
    readonly roomId: string;
    readonly userId: string;
    readonly inviter: string;
    readonly state: string;
    /** Why, in a sentence that says what to do. */
    readonly message: string;
}

/** Deliveries described in one message; further ones are counted. */
const mostDescribed = 5;

/** What an admin is told of deliveries that need a person. Plain text; of keys nothing but that they were not given. */
export function noticeText(notices: readonly NoticeFacts[]): string {
    const described = notices.slice(0, mostDescribed).map(description);
    const rest = notices.length - described.length;
    const more = rest === 1 ? "1 more job waits" : `${rest} more jobs wait`;
    return [...described, ...(rest > 0 ? [`${more} for a person: \`backscroll status --state held\` lists them.`] : [])].join("\n\n");
}

function description({ jobId, roomId, userId, inviter, state, message }: NoticeFacts): string {
    const what = state === "held" ? "waits for a person" : state === "failed" ? "has failed" : "needs a person";
    const who = `${userId} was invited to ${roomId} by ${inviter}.`;
    return visible(`Job ${jobId} ${what}: ${who} ${message} More: \`backscroll status --job ${jobId}\`.`);
}

/** Names come from other people's servers: control characters in them must not pass for text of ours. */
function visible(text: string): string {
    return text.replaceAll(/\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu, "\u{fffd}");
}
