import { chapters } from "./reasons.ts";
import type { JobState } from "./states.ts";

const { begun, released, delivering, triedAgain, held, sent, untilInvited, placed, joined, over, refused, cancelled } =
    chapters;

/** What a job may wait for, before its delivery and after it. */
const waiting = { ...released, ...triedAgain, ...untilInvited } as const;

/** The reasons that belong to each state: with another one no job is moved there. */
export const reasonsOf = {
    held,
    queued: { ...begun, ...waiting },
    delivering,
    delivered: { ...sent, ...waiting },
    reinvited: placed,
    joined: { ...joined, ...released },
    // Of a job that was served after the join, and that ends with the others of its room or invitee.
    done: {
        ...over,
        identity_changed: held.identity_changed,
        superseded: cancelled.superseded,
        bot_left: cancelled.bot_left,
        place_left: cancelled.place_left,
    },
    refused: { ...refused, invitee_banned: cancelled.invitee_banned },
    cancelled,
    expired: chapters.expired,
    failed: chapters.failed,
} as const satisfies Readonly<Record<JobState, object>>;

/** Of several states: what belongs to each of them. */
export type ReasonOf<State extends JobState> = keyof (typeof reasonsOf)[State];

/** Before the delivery or after it. */
export type WaitingReason = ReasonOf<"queued" | "delivered">;

/** A state with a reason that belongs to it. */
export type JobStep<State extends JobState = JobState> = {
    [One in State]: readonly [state: One, reason: ReasonOf<One>];
}[State];

/** What is only told: in the story, or of what became of an invite after the job's end. */
export type ToldReason = keyof typeof chapters.told;
export type TakenBackReason = keyof typeof chapters.takenBack;

/** Where a job waits that waits for its own invite, or is tried again: a delivery that was made stays made. */
export function waitingStep(
    { state }: { readonly state: JobState },
    reason: WaitingReason,
): JobStep<"queued" | "delivered"> {
    return state === "delivered" ? ["delivered", reason] : ["queued", reason];
}
