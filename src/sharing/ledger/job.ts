import { z } from "zod";
import {
    flagOf,
    jsonOf,
    numberOf,
    numberOrNothing,
    type Row,
    textOf,
    textOrNothing,
    wordOf,
    wordOrNothing,
} from "../../database/index.ts";
import { type Reason, reasonFrom } from "./reasons.ts";
import { type JobState, states } from "./states.ts";

/** What a job came of: an invite that the bot saw, or what a person typed. */
export const origins = ["invite", "command"] as const;
const accounts = ["missing", "there", "late"] as const;

/** What a person released a job from: the reason that held it, as they were told of it. */
export interface Approval {
    readonly reason: Reason;
    readonly detail: string | undefined;
}

/** One delivery of a room's shareable keys to one invitee. Times are milliseconds since the epoch. */
export interface Job {
    readonly id: number;
    readonly roomId: string;
    readonly userId: string;
    readonly inviter: string;
    readonly origin: (typeof origins)[number];
    /** The member event that invites. */
    readonly inviteEventId: string;
    /** The invite carries the mark of another bot's re-invite. Trust limit: anybody who may invite can write it. */
    readonly byAnotherBot: boolean;
    /** A marked invite took the place of the very invite that it names. */
    readonly replacesNamed: boolean;
    /** The invite was made for an e-mail address or a phone number, and the invitee redeemed it. */
    readonly byThirdParty: boolean;
    readonly state: JobState;
    readonly reason: Reason;
    /** What of the facts belongs to the reason, for people. */
    readonly detail: string | undefined;
    /** What a person released it from. */
    readonly approved: readonly Approval[];
    /** The bot makes the invite itself, as a person asked for by command; `inviteEventId` is empty until it has. */
    readonly makesInvite: boolean;
    /**
     * Whether the invitee has an account; `late`: one that appeared long after the invite. Undefined: nobody has asked.
     */
    readonly account: (typeof accounts)[number] | undefined;
    /** The bot took the place of the inviter, and has sent nothing yet. */
    readonly placeTaken: boolean;
    /** When the invitee joined on the bot's own invite, by `RunningClock`. */
    readonly joinedRan: number | undefined;
    readonly attempts: number;
    readonly nextAttemptAt: number | undefined;
    readonly createdAt: number;
    /** By `RunningClock`. */
    readonly createdRan: number;
    readonly updatedAt: number;
}

/** The bot is still to make the invite itself. */
export function isToInvite({ makesInvite, inviteEventId }: Pick<Job, "makesInvite" | "inviteEventId">): boolean {
    return makesInvite && inviteEventId === "";
}

export type NewJob = Pick<Job, "roomId" | "userId" | "inviter" | "origin" | "inviteEventId" | "byAnotherBot"> &
    Partial<Pick<Job, "makesInvite" | "replacesNamed" | "byThirdParty">>;

const approvals: z.ZodType<readonly Approval[]> = z.array(
    z
        .object({ reason: z.string().transform(reasonFrom), detail: z.string().optional() })
        .transform(({ reason, detail }) => ({ reason, detail })),
);

/** @throws if somebody else wrote into the ledger */
export function jobFrom(row: Row): Job {
    return {
        id: numberOf(row, "id"),
        roomId: textOf(row, "room_id"),
        userId: textOf(row, "user_id"),
        inviter: textOf(row, "inviter"),
        origin: wordOf(row, "origin", origins),
        inviteEventId: textOf(row, "invite_event_id"),
        byAnotherBot: flagOf(row, "by_another_bot"),
        replacesNamed: flagOf(row, "replaces_named"),
        byThirdParty: flagOf(row, "by_third_party"),
        state: wordOf(row, "state", states),
        reason: reasonFrom(textOf(row, "reason")),
        detail: textOrNothing(row, "detail"),
        approved: jsonOf(row, "approvals", approvals),
        makesInvite: flagOf(row, "makes_invite"),
        account: wordOrNothing(row, "account", accounts),
        placeTaken: flagOf(row, "place_taken"),
        joinedRan: numberOrNothing(row, "joined_ran"),
        attempts: numberOf(row, "attempts"),
        nextAttemptAt: numberOrNothing(row, "next_attempt_at"),
        createdAt: numberOf(row, "created_at"),
        createdRan: numberOf(row, "created_ran"),
        updatedAt: numberOf(row, "updated_at"),
    };
}
