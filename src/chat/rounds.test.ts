import { expect, test } from "vitest";
import { Rounds } from "./rounds.ts";

/** Rounds that each end when the test says so. */
function held() {
    const ends: (() => void)[] = [];
    const rounds = new Rounds(() => new Promise((resolve) => void ends.push(resolve)));
    const end = async (): Promise<void> => {
        ends.at(-1)?.();
        await new Promise(setImmediate);
    };
    return { rounds, end, begun: () => ends.length };
}

test("calls during a round are followed by one more, and no round is doubled", async () => {
    const { rounds, end, begun } = held();
    for (const _ of [1, 2, 3]) rounds.wake();
    expect(begun()).toBe(1);
    await end();
    expect(begun()).toBe(2);
    await end();
    expect(begun()).toBe(2);
    rounds.wake();
    expect(begun()).toBe(3);
});

test("a stop waits for the round under way, and none follows", async () => {
    const { rounds, end, begun } = held();
    rounds.wake();
    rounds.wake();
    const stopped = rounds.stop();
    await end();
    await stopped;
    rounds.wake();
    expect(begun()).toBe(1);
});
