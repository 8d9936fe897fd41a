import fc from "fast-check";
import { expect, test } from "vitest";
import {
    type Bucket,
    isHeldUp,
    levelAt,
    type Limit,
    limits,
    longestMemory,
    nextTurn,
    restAfterRefusal,
} from "./invite-pace.ts";

const now = 1_000_000_000;
const free: Bucket = { invites: [], ofPeople: [], lastByBot: undefined, ahead: 0 };
const seconds = (...ago: readonly number[]): readonly number[] => ago.map((second) => now - second * 1000);

/** So many human invites at this very moment. */
const burst = (count: number, ahead = 0): Bucket => {
    const invites = Array.from({ length: count }, () => now);
    return { invites, ofPeople: invites, lastByBot: undefined, ahead };
};
const quiet = (bucket: Bucket): Bucket => ({ ...bucket, ofPeople: [now - 60_000] });

test.each<[string, Partial<Record<keyof typeof limits, Bucket>>, number, string]>([
    ["nobody has invited lately", {}, 0, "reinvite_paced"],
    [
        "one invite a moment ago: somebody may be in the middle of a series",
        { room: burst(1), invitee: burst(1) },
        500,
        "reinvite_paced",
    ],
    ["one invite, and quiet since", { room: quiet(burst(1)), invitee: quiet(burst(1)) }, 0, "reinvite_paced"],
    ["three invites: ours follow after two seconds of quiet", { room: burst(3) }, 2_000, "reinvite_paced"],
    [
        "three invites, and two of ours before this one: the fifth place is kept",
        { room: quiet(burst(3, 2)) },
        3_334,
        "reinvite_paced",
    ],
    ["a room whose invites are used up", { room: burst(10) }, 20_000, "reinvite_paced"],
    [
        "one of ours a moment ago: the next keeps its distance",
        { room: { ...quiet(burst(2)), lastByBot: now - 50 } },
        150,
        "reinvite_paced",
    ],
    ["four ahead in the same room", { room: burst(10, 4) }, 33_334, "reinvite_paced"],
    ["a person invited twice, lately", { invitee: burst(2) }, 10_000, "invitee_paced"],
    ["a person invited three times, and quiet since", { invitee: quiet(burst(3)) }, 0, "reinvite_paced"],
    ["the person's last place is left to a human", { invitee: quiet(burst(4)) }, 333_334, "invitee_paced"],
    ["a person whose invites are used up", { invitee: burst(5) }, 666_667, "invitee_paced"],
    ["the bot has invited seven in other rooms", { bot: burst(7) }, 5_000, "bot_paced"],
    ["the bot waits for nobody's series in another room", { bot: burst(6) }, 0, "reinvite_paced"],
])("%s", (_, buckets, wait, reason) => {
    expect(nextTurn({ room: free, invitee: free, bot: free, ...buckets }, now)).toEqual({ at: now + wait, reason });
});

test("a bucket leaks evenly, never below nothing, and takes no more than it holds", () => {
    const limit: Limit = { ...limits.room, perSecond: 0.5, burst: 4 };
    expect(levelAt(limit, seconds(2), now)).toBe(0);
    expect(levelAt(limit, seconds(1), now)).toBe(0.5);
    expect(levelAt(limit, seconds(100, 2, 2), now)).toBe(1);
    expect(levelAt(limit, seconds(0, 0, 0, 0, 0, 0), now)).toBe(4);
    expect(levelAt(limit, [now + 3_600_000], now)).toBe(1);
});

test("what happened before the longest memory is not felt", () => {
    for (const limit of Object.values(limits)) {
        const before = Array.from({ length: 100 }, () => now - longestMemory);
        expect(levelAt(limit, before, now)).toBe(0);
    }
});

test.each([
    ["a short refusal rests the room, twice as long as asked", 3_000, 0, "polite", { bucket: "room", rest: 6_500 }],
    ["the second in a row four times", 3_000, 1, "polite", { bucket: "room", rest: 13_000 }],
    ["a long one is the person's", 320_000, 0, "polite", { bucket: "invitee", rest: 640_500 }],
    ["a refusal without a time", undefined, 0, "polite", { bucket: "room", rest: 60_500 }],
    ["at most an hour", 3_000, 50, "polite", { bucket: "room", rest: 3_600_000 }],
    ["never less than asked", 7_200_000, 3, "polite", { bucket: "invitee", rest: 7_200_250 }],
    [
        "who has no limits of their own keeps to the server's word",
        3_000,
        5,
        "unlimited",
        { bucket: "room", rest: 3_250 },
    ],
] as const)("%s", (_, retryAfter, refusals, pace, rest) => {
    expect(restAfterRefusal(retryAfter, refusals, pace)).toEqual(rest);
});

/** Synapse 1.163, `Ratelimiter.can_do_action`, line by line. */
class ServersBucket {
    #count = 0;
    #start = 0;

    take({ perSecond, burst: size }: Limit, at: number): boolean {
        const level = this.#count - ((at - this.#start) / 1000) * perSecond;
        if (level < 0) {
            this.#count = 0;
            this.#start = at;
        }
        if (Math.max(0, level) > size - 1) return false;
        this.#count += 1;
        return true;
    }

    level({ perSecond }: Limit, at: number): number {
        return Math.max(0, this.#count - ((at - this.#start) / 1000) * perSecond);
    }
}

const gaps = fc.array(fc.oneof(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 60_000 })), {
    minLength: 1,
    maxLength: 60,
});

test("our count of a bucket is the server's, whatever people do", () => {
    fc.assert(
        fc.property(gaps, (waits) => {
            const server = new ServersBucket();
            const taken: number[] = [];
            let at = now;
            for (const wait of waits) {
                at += wait;
                expect(levelAt(limits.room, taken, at)).toBeCloseTo(server.level(limits.room, at), 6);
                if (server.take(limits.room, at)) taken.push(at);
            }
        }),
    );
});

test("in a room: the bot is never refused, leaves people their places, and serves everybody in order once they are done", () => {
    fc.assert(
        fc.property(gaps, (waits) => {
            const server = new ServersBucket();
            const invites: number[] = [];
            const ofPeople: number[] = [];
            let [at, nextHuman] = [now, 0];
            let [refused, fullest] = [false, 0];
            const waiting: number[] = [];
            const served: number[] = [];
            const humanAt = waits.map((wait) => (nextHuman += wait)).map((offset) => now + offset);
            while (humanAt.length > 0 || waiting.length > 0) {
                const turn = nextTurn(
                    { room: { invites, ofPeople, lastByBot: undefined, ahead: 0 }, invitee: free, bot: free },
                    at,
                ).at;
                const [next] = humanAt;
                if (next !== undefined && (waiting.length === 0 || next <= turn)) {
                    at = Math.max(at, next);
                    humanAt.shift();
                    // A human who is refused comes again, and counts when it works.
                    if (!server.take(limits.room, at)) humanAt.unshift(at + 1_000);
                    else {
                        ofPeople.push(at);
                        waiting.push(invites.push(at));
                    }
                } else if (turn > at) {
                    at = turn;
                } else {
                    refused ||= !server.take(limits.room, at);
                    fullest = Math.max(fullest, server.level(limits.room, at));
                    invites.push(at);
                    served.push(waiting.shift() ?? Number.NaN);
                }
            }
            expect(refused).toBe(false);
            expect(fullest).toBeLessThanOrEqual(limits.room.burst - limits.room.spare + 1e-6);
            expect(served).toEqual(served.toSorted((one, other) => one - other));
            expect(served).toHaveLength(waits.length);
            const longest = (waits.length + limits.room.burst) / limits.room.perSecond;
            expect(at - (ofPeople.at(-1) ?? now)).toBeLessThanOrEqual(longest * 1000 + limits.room.heldUpPatience);
        }),
    );
});

test.each<[string, readonly number[], boolean]>([
    ["nobody", [], false],
    ["nine at once", Array.from({ length: 9 }, () => 0), false],
    ["ten at once", Array.from({ length: 10 }, () => 0), true],
    ["one every six seconds, for long", Array.from({ length: 100 }, (_, index) => 6 * index), false],
    ["ten at once, and then as fast as may be", [...Array.from({ length: 10 }, () => 0), 5, 10, 15, 23, 28], true],
    ["ten at once, and one after a minute", [...Array.from({ length: 10 }, () => 0), 60], false],
])("held up by their limits: %s", (_, at, heldUp) => {
    expect(isHeldUp(at.map((second) => now + second * 1000))).toBe(heldUp);
});

test.each([1, 10, 11, 30, 60])(
    "a series of %i as fast as the limits allow is not slowed by a single invite",
    (count) => {
        expect(seriesOf(count, true)).toEqual(seriesOf(count, false));
    },
);

/** Milliseconds in which another may be there first. */
const onTheWay = 100;
const rcMessage: Limit = { ...limits.room, perSecond: 0.2, burst: 10 };

/**
 * When each of `count` people is invited by a human who tries again when they may, with a bot that re-invites or
 * without one. The homeserver charges the room first, and then it may be the human's own limit that refuses.
 */
function seriesOf(count: number, withBot: boolean): readonly number[] {
    const [room, human] = [new ServersBucket(), new ServersBucket()];
    const invites: number[] = [];
    const times: number[] = [];
    let [waiting, again] = [0, now];
    for (let at = now; times.length < count; at += 50) {
        if (at >= again) {
            const refusal = !room.take(limits.room, at)
                ? limits.room
                : !human.take(rcMessage, at)
                  ? rcMessage
                  : undefined;
            const full = refusal === limits.room ? room : human;
            if (refusal !== undefined)
                again = at + ((full.level(refusal, at) - refusal.burst + 1) / refusal.perSecond) * 1000 + onTheWay;
            else {
                times.push(at);
                invites.push(at);
                [again, waiting] = [at + 50, waiting + 1];
            }
        }
        const turn = nextTurn(
            { room: { invites, ofPeople: times, lastByBot: undefined, ahead: 0 }, invitee: free, bot: free },
            at,
        );
        if (withBot && waiting > 0 && turn.at <= at && room.take(limits.room, at)) {
            invites.push(at);
            waiting -= 1;
        }
    }
    return times;
}
