import { waitAfterFailure } from "../../due/index.ts";

/** Milliseconds from a delivery to the first look for devices that have appeared since. */
export const firstLook = 10_000;
/** Milliseconds; the longest time between two looks. */
const rarestLook = 12 * 3_600_000;
const firstLookAfterJoin = 5_000;
const rarestLookAfterJoin = 3_600_000;

/** Milliseconds of `RunningClock` after the join for which a member's devices are served. */
export const watchedAfterJoin = 24 * 3_600_000;
/** Milliseconds after the join within which a device may appear and still be given the keys. */
export const newDevicesFor = 10 * 60_000;
/** Milliseconds of `RunningClock` that an invite may wait for an answer before the bot stops working for it. */
const answeredWithin = 30 * 24 * 3_600_000;

/**
 * Milliseconds of `RunningClock` for which the homeserver has to refuse before it is believed: a restart or a quota
 * passes.
 */
export const refusalBelievedAfter = 3 * 3_600_000;
const retrials = { first: 3_600_000, longest: 12 * 3_600_000 } as const;

/**
 * When what has failed, or what the homeserver will not do, is tried again: after an hour, then in ever longer steps up
 * to twice a day.
 * @param made how many such trials there were
 * @returns milliseconds from now
 */
export function retrialDelay(made: number): number {
    return waitAfterFailure(made, retrials, 0);
}

/** Nobody has answered the invite for so long that no more requests are made for it. */
export function unansweredTooLong({ createdRan }: { readonly createdRan: number }, ran: number): boolean {
    return ran - createdRan >= answeredWithin;
}

/**
 * When an invitee's devices are looked at again: in ever longer steps, up to twice a day while the invite is pending,
 * hourly after the join.
 * @param looks how many looks there were before the one that has just been made
 * @param random in [0, 1)
 * @returns milliseconds from now
 */
export function lookDelay(looks: number, joined: boolean, random: number): number {
    const [shortest, rarest] = joined ? [firstLookAfterJoin, rarestLookAfterJoin] : [2 * firstLook, rarestLook];
    const ceiling = Math.min(rarest, shortest * 2 ** Math.min(looks, 20));
    return Math.round(ceiling * (0.75 + 0.25 * random));
}
