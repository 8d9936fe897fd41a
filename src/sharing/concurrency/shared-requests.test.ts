import { expect, test } from "vitest";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import { oldest, SharedRequests } from "./shared-requests.ts";

/** Requests that are answered when the test says so. */
function requests(options: { most?: number; divisible?: boolean; refuses?: string } = {}) {
    const made: (readonly string[])[] = [];
    const answers: (() => void)[] = [];
    const together = new SharedRequests<string, string>({
        make: async (items) => {
            made.push(items);
            await new Promise<void>((answer) => answers.push(answer));
            if (options.refuses !== undefined && items.includes(options.refuses)) throw new Error("refused");
            return (item) => `answer for ${item}`;
        },
        next: oldest(options.most ?? 10),
        divisible: () => options.divisible ?? false,
    });
    /** Answers every request until nobody waits. */
    const settle = async (asked: readonly Promise<string>[]): Promise<readonly PromiseSettledResult<string>[]> => {
        const timer = setInterval(() => answers.shift()?.(), 0);
        return await Promise.allSettled(asked).finally(() => clearInterval(timer));
    };
    return { made, together, settle };
}

test("what is asked in one turn is one request, and what comes meanwhile is the next", async () => {
    const { made, together, settle } = requests();
    const first = ["a", "b"].map((item) => together.ask(item));
    await new Promise(setImmediate);
    const second = ["c", "d", "e"].map((item) => together.ask(item));
    const results = await settle([...first, ...second]);
    expect(made).toEqual([
        ["a", "b"],
        ["c", "d", "e"],
    ]);
    expect(results.map((result) => result.status === "fulfilled" && result.value)).toEqual(
        ["a", "b", "c", "d", "e"].map((item) => `answer for ${item}`),
    );
});

test("no request is larger than it may be, and the oldest go first", async () => {
    const { made, together, settle } = requests({ most: 2 });
    await settle(["a", "b", "c"].map((item) => together.ask(item)));
    expect(made).toEqual([["a", "b"], ["c"]]);
});

test("a refusal for the sake of one is only that one's", async () => {
    const { together, settle } = requests({ divisible: true, refuses: "b" });
    const results = await settle(["a", "b", "c"].map((item) => together.ask(item)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("a fault of all is told to all, and the next request is made all the same", async () => {
    const { together, settle } = requests({ refuses: "b" });
    const results = await settle(["a", "b"].map((item) => together.ask(item)));
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await settle([together.ask("c")])).toMatchObject([{ status: "fulfilled" }]);
});

test("no more work than allowed is under way, also when some of it fails", async () => {
    const two = new ConcurrencyLimit(2);
    let [underWay, peak] = [0, 0];
    const work = async (fails: boolean): Promise<void> => {
        underWay += 1;
        peak = Math.max(peak, underWay);
        await new Promise(setImmediate);
        underWay -= 1;
        if (fails) throw new Error("failed");
    };
    const ends = await Promise.allSettled([1, 2, 3, 4, 5].map((turn) => two.run(() => work(turn % 2 === 0))));
    expect(peak).toBe(2);
    expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(2);
});
