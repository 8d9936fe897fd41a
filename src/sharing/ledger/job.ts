import type { SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import { type Reason, reasonFrom } from "./reasons.ts";
import { type JobState, stateFrom } from "./states.ts";

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
    readonly origin: "invite" | "command";
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
    /** Whether the invitee has an account; `late`: one that appeared long after the invite. Undefined: nobody has asked. */
    readonly account: "missing" | "there" | "late" | undefined;
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
export function jobFrom(row: Record<string, SQLOutputValue>): Job {
    return {
        id: Number(row["id"]),
        roomId: String(row["room_id"]),
        userId: String(row["user_id"]),
        inviter: String(row["inviter"]),
        origin: row["origin"] === "command" ? "command" : "invite",
        inviteEventId: String(row["invite_event_id"]),
        byAnotherBot: row["by_another_bot"] === 1,
        replacesNamed: row["replaces_named"] === 1,
        byThirdParty: row["by_third_party"] === 1,
        state: stateFrom(row["state"]),
        reason: reasonFrom(row["reason"]),
        detail: typeof row["detail"] === "string" ? row["detail"] : undefined,
        approved: approvals.parse(JSON.parse(String(row["approvals"]))),
        makesInvite: row["makes_invite"] === 1,
        account: (["missing", "there", "late"] as const).find((known) => known === row["account"]),
        placeTaken: row["place_taken"] === 1,
        joinedRan: row["joined_ran"] === null ? undefined : Number(row["joined_ran"]),
        attempts: Number(row["attempts"]),
        nextAttemptAt: row["next_attempt_at"] === null ? undefined : Number(row["next_attempt_at"]),
        createdAt: Number(row["created_at"]),
        createdRan: Number(row["created_ran"]),
        updatedAt: Number(row["updated_at"]),
    };
}
