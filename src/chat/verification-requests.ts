import { z } from "zod";
import type { RoomEvent } from "../matrix/index.ts";

const oldestMs = 10 * 60_000;
const latestMs = 5 * 60_000;

/**
 * Whether a request to verify somebody is to be looked at: not when it was sent more than ten minutes ago, or more than
 * five minutes from now. Times in milliseconds since the epoch. Source: Matrix v1.19, "Key verification framework".
 */
export function isTimely(sentAt: number, now: number): boolean {
    return now - sentAt <= oldestMs && sentAt - now <= latestMs;
}

/** A request in a room; the event's ID names it. */
export interface RoomRequest {
    readonly roomId: string;
    readonly eventId: string;
    readonly userId: string;
}

/** What may be said to the bot in a room's new events. */
export interface SaidToBot {
    /** Requests to verify the bot. */
    readonly requests: readonly RoomRequest[];
    /** Who has their keys can say whether they are requests. */
    readonly encrypted: readonly RoomEvent[];
}

const request = z.object({ msgtype: z.literal("m.key.verification.request"), to: z.string() });

/**
 * Finds what may be a request to verify the bot among a room's events.
 * Source: Matrix v1.19, `m.room.message` with `msgtype: m.key.verification.request`.
 */
export function saidToBot(roomId: string, events: readonly RoomEvent[], botUserId: string, now: number): SaidToBot {
    const said = events.filter(({ sender, stateKey, originServerTs }) => {
        return stateKey === undefined && sender !== botUserId && isTimely(originServerTs, now);
    });
    const requests = said.filter(({ type, content }) => {
        return type === "m.room.message" && request.safeParse(content).data?.to === botUserId;
    });
    return {
        requests: requests.map(({ eventId, sender: userId }) => ({ roomId, eventId, userId })),
        encrypted: said.filter(({ type }) => type === "m.room.encrypted"),
    };
}
