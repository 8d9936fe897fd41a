import { createHmac } from "node:crypto";
import { type ExportedSessionKey, readSessionKey } from "./exported-session-key.ts";

const parts = [0, 1, 2, 3] as const;
const partBytes = 32;
/** A part is hashed anew every 2^24, 2^16, 2^8 messages, and the last one with each. */
const bitsOf = (part: number): number => (parts.length - 1 - part) * 8;

/**
 * Whether the later of two exported session keys comes of the earlier one: whoever has only the later one cannot make
 * up the earlier, and whoever knows a session by its ID alone can make up neither. False if one of them is no session
 * key.
 * @param earlier reaches as far back as `later`, or further
 */
export function leadsTo(earlier: string, later: string): boolean {
    const [from, to] = [readSessionKey(earlier), readSessionKey(later)];
    if (from === undefined || to === undefined || from.sessionId !== to.sessionId || from.firstIndex > to.firstIndex)
        return false;
    return advanced(ratchetOf(earlier), from.firstIndex, to).equals(ratchetOf(later));
}

/** Whether two exported session keys are of one session: the one that reaches further back leads to the other. */
export function areOfOneSession(one: string, other: string): boolean {
    const [first, second] = [readSessionKey(one), readSessionKey(other)];
    if (first === undefined || second === undefined) return false;
    return first.firstIndex <= second.firstIndex ? leadsTo(one, other) : leadsTo(other, one);
}

/** Version and index stand in front of it. */
function ratchetOf(sessionKey: string): Buffer {
    return Buffer.from(sessionKey, "base64").subarray(5, 5 + parts.length * partBytes);
}

/**
 * How often the ratchet is hashed between two message indexes, for `areOfOneSession`: at most 1 020 times, each some 17
 * µs.
 */
export function hashesBetween(one: number, other: number): number {
    return wayBetween(Math.min(one, other), Math.max(one, other)).reduce((sum, { steps }) => sum + steps, 0);
}

/** The ratchet some messages later. Source: Matrix v1.19, olm-megolm, "Advancing the ratchet". */
function advanced(ratchet: Buffer, from: number, { firstIndex: to }: Pick<ExportedSessionKey, "firstIndex">): Buffer {
    const data = Buffer.from(ratchet);
    for (const { part, steps } of wayBetween(from, to)) {
        for (let step = 1; step < steps; step++) rehash(data, part, part);
        for (const below of parts.toReversed()) if (below >= part) rehash(data, part, below);
    }
    return data;
}

/**
 * How many steps of which part lead from one message index to a later one: the last step of a part sets those below it
 * anew.
 */
function wayBetween(from: number, to: number): readonly { readonly part: number; readonly steps: number }[] {
    let at = from;
    return parts.flatMap((part) => {
        const length = 2 ** bitsOf(part);
        const steps = Math.floor(to / length) - Math.floor(at / length);
        if (steps === 0) return [];
        at = Math.floor(to / length) * length;
        return [{ part, steps }];
    });
}

function rehash(data: Buffer, from: number, to: number): void {
    const hash = createHmac("sha256", data.subarray(from * partBytes, (from + 1) * partBytes)).update(Buffer.of(to));
    hash.digest().copy(data, to * partBytes);
}
