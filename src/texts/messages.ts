import { printableInLine } from "../telemetry/index.ts";

/**
 * What a greeting says of earlier messages: it leaves that open, or tells what was counted, or nothing, as nothing is
 * shared.
 */
export const greetingKinds = ["looking", "counted", "closed"] as const;
export type GreetingKind = (typeof greetingKinds)[number];

export interface GreetingFacts {
    readonly visibility: "invited" | "joined" | "shared" | "world_readable" | "unknown";
    readonly canInvite: boolean;
    /** What the room was counted to have; undefined: it is not counted to its end. */
    readonly past: Past | undefined;
    /** From this share of the known messages on the bot serves the room well, 0 to 1. */
    readonly enough: number;
    /** When the bot takes the place of whoever invites: if it is likely to have more than they, or always, or never. */
    readonly inviting: "compared" | "always" | "never";
}

/** Counts are of the encrypted messages that the bot knows of. */
export interface Past {
    readonly events: number;
    /** Those that the bot can hand on, or that nobody would. */
    readonly covered: number;
    /** The day (ISO 8601) since when nearly all of them are covered, if that was before the bot came. */
    readonly since: string | undefined;
    /** There may be older ones that could not be looked at. */
    readonly cut: boolean;
}

/** From this share on one may say "all". */
const nearlyAll = 0.95;
const fromNowOn = "I can hand on what is written from now on.";

export function kindOf({ visibility, past }: Pick<GreetingFacts, "visibility" | "past">): GreetingKind {
    if (visibilityProblem(visibility).length > 0) return "closed";
    return past === undefined ? "looking" : "counted";
}

/** What the bot does here, from when on, and what is missing for it. Plain text. */
export function greeting(facts: GreetingFacts): string {
    return [
        "Hello, I am Backscroll. I give newcomers the keys to earlier messages, on each of their verified devices, " +
            "as far as this room's history setting shows them those messages.",
        ...earlierMessages(facts),
        ...whatIsMissing(facts),
    ].join("\n");
}

/** What follows a greeting that had to leave open what was written earlier. Plain text. */
export function correction(facts: GreetingFacts): string {
    const found = facts.past?.events === 0 ? "there are none." : "this is what I found.";
    const looked = `I have looked through the earlier messages: ${found}`;
    return [looked, ...earlierMessages(facts), ...whatIsMissing(facts)].join("\n");
}

function earlierMessages(facts: GreetingFacts): readonly string[] {
    switch (kindOf(facts)) {
        case "closed":
            return [];
        case "looking":
            return [
                fromNowOn,
                "I am still looking through the earlier messages, and shall say here what I found.",
                ...whoseKeys(facts.inviting),
            ];
        case "counted":
            return facts.past === undefined ? [] : counted(facts.past, facts.inviting);
    }
}

function counted(past: Past, inviting: GreetingFacts["inviting"]): readonly string[] {
    const { events, since, cut } = past;
    const older = cut ? ["There may be older messages: I could not look at all of them."] : [];
    if (shareOf(past) < nearlyAll) return [partOf(past), ...older, ...whoseKeys(inviting)];
    const whatever = cut || inviting === "never" ? whoseKeys(inviting) : [];
    if (events === 0 || since === undefined) return [fromNowOn, ...older, ...whatever];
    return [`I can hand on what was written since ${since}, and what is written from now on.`, ...older, ...whatever];
}

function partOf({ events, covered, since }: Past): string {
    const days = since === undefined ? "" : `, nearly all of those since ${since}`;
    const which = covered === 0 ? "none" : `${covered}${days}`;
    const others = "the others only if their keys are imported.";
    return `${fromNowOn} Of the messages so far (${events}) I can hand on ${which}; ${others}`;
}

/** Whose keys a newcomer gets: their client opens only those of whoever invited them last. */
function whoseKeys(inviting: GreetingFacts["inviting"]): readonly string[] {
    switch (inviting) {
        case "compared":
            return ["Newcomers get the keys of whoever invites them, where those are likely to be more than mine."];
        case "always":
            return [];
        case "never":
            return ["Newcomers' clients open the keys of whoever invites them: I do not repeat invites here."];
    }
}

function whatIsMissing(facts: GreetingFacts): readonly string[] {
    const missing = [...visibilityProblem(facts.visibility), ...powerProblem(facts.canInvite)];
    if (missing.length > 0) return ["What is missing:", ...missing.map((line) => `- ${line}`)];
    const isSet = facts.past !== undefined && shareOf(facts.past) >= facts.enough;
    return isSet ? ["Everything is set: just invite people as always."] : [];
}

/** Where nothing was said, nothing is missing. */
function shareOf({ events, covered }: Past): number {
    return events === 0 ? 1 : covered / events;
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

/** Something that admins are told of. */
export type NoticeFacts = JobFacts | RoomFacts | BotFacts;

/** A delivery that needs a person. */
export interface JobFacts {
    readonly about: "job";
    readonly jobId: number;
    readonly roomId: string;
    readonly userId: string;
    readonly inviter: string;
    readonly state: string;
    /** Why, in a sentence that says what to do. */
    readonly message: string;
}

/** A room that came to have a trouble, or lost it. */
export interface RoomFacts {
    readonly about: "room";
    readonly roomId: string;
    readonly trouble: "history_closed" | "cannot_invite" | "covers_little";
    readonly present: boolean;
}

/** The bot's own cross-signing identity does not sign its device any more, as the homeserver publishes it. */
export interface BotFacts {
    readonly about: "bot";
    readonly identity: "replaced" | "gone" | "unsigned";
}

/** Notices described in one message; further ones are counted. */
const mostDescribed = 5;

/** What an admin is told of deliveries and rooms. Plain text; of keys nothing but that they were not given. */
export function noticeText(notices: readonly NoticeFacts[]): string {
    // What is about the bot itself concerns all the others.
    const isOfBot = ({ about }: NoticeFacts): boolean => about === "bot";
    const inOrder = notices.toSorted((one, other) => Number(isOfBot(other)) - Number(isOfBot(one)));
    const described = inOrder.slice(0, mostDescribed).map((notice) => printableInLine(description(notice)));
    const rest = inOrder.slice(mostDescribed);
    const jobs = rest.filter(({ about }) => about === "job").length;
    return [...described, ...moreJobs(jobs), ...moreRooms(rest.length - jobs)].join("\n\n");
}

function moreJobs(count: number): readonly string[] {
    if (count === 0) return [];
    const wait = count === 1 ? "1 more job waits" : `${count} more jobs wait`;
    return [`${wait} for a person: \`backscroll status --state held\` lists them.`];
}

function moreRooms(count: number): readonly string[] {
    if (count === 0) return [];
    const changes = count === 1 ? "1 more change" : `${count} more changes`;
    return [`${changes} in rooms: \`backscroll status\` shows how they are now.`];
}

function description(notice: NoticeFacts): string {
    switch (notice.about) {
        case "job": {
            const { jobId, roomId, userId, inviter, state, message } = notice;
            const what = state === "held" ? "waits for a person" : state === "failed" ? "has failed" : "needs a person";
            const who = `${userId} was invited to ${roomId} by ${inviter}.`;
            return `Job ${jobId} ${what}: ${who} ${message} More: \`backscroll status --job ${jobId}\`.`;
        }
        case "room":
            return `Room ${notice.roomId}: ${roomChange(notice)} More: \`backscroll status --room ${notice.roomId}\`.`;
        case "bot":
            return `${lostIdentity(notice)} ${everythingWaits}`;
    }
}

const everythingWaits =
    "Clients open no keys of mine like that, so every delivery waits. `backscroll status` says what to do.";

function lostIdentity({ identity }: BotFacts): string {
    switch (identity) {
        case "replaced":
            return (
                "Another client has replaced my account's cross-signing identity. " +
                "If nobody of yours has, somebody else may have my password."
            );
        case "gone":
            return "The homeserver publishes no cross-signing identity of my account any more.";
        case "unsigned":
            return "The homeserver does not publish my device as signed by my cross-signing identity any more.";
    }
}

function roomChange({ trouble, present }: RoomFacts): string {
    switch (trouble) {
        case "history_closed":
            return present
                ? "The history is closed to newcomers now: I share nothing there. Open it in the settings if that is not meant."
                : "The history is open to newcomers again: I share it again.";
        case "cannot_invite":
            return present
                ? "I may not invite there any more: newcomers get no keys of mine. Give me the power to invite."
                : "I may invite there again: newcomers get my keys again.";
        case "covers_little":
            return present
                ? "I lack many keys there: newcomers may get more from whoever invites them. Importing keys helps."
                : "I have enough of the keys there again for newcomers.";
    }
}
