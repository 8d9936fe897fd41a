import { z } from "zod";

/** When the first known event of its owner that this session encrypted was sent; milliseconds since the epoch. */
export interface SessionTime {
    readonly sessionId: string;
    readonly firstAt: number;
}

/**
 * Session times on their way to the worker: UTF-8 JSON, each owning its buffer, which is handed over. A hundred
 * thousand of them as objects would be copied in one go, some 35 ms in which the main thread does nothing else.
 */
export type PackedTimes = readonly Uint8Array<ArrayBuffer>[];

export function packTimes(times: readonly SessionTime[]): Uint8Array<ArrayBuffer> {
    return new TextEncoder().encode(JSON.stringify(times.map(({ sessionId, firstAt }) => [sessionId, firstAt])));
}

const Times = z.array(z.tuple([z.string(), z.number()]));

export function* unpackTimes(packed: PackedTimes): Generator<SessionTime> {
    for (const piece of packed) {
        const times = Times.parse(JSON.parse(new TextDecoder().decode(piece)));
        for (const [sessionId, firstAt] of times) yield { sessionId, firstAt };
    }
}
