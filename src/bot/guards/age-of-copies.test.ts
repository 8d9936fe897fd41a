import { expect, test } from "vitest";
import { Failure } from "../../failures/index.ts";
import { AgeOfCopies } from "./age-of-copies.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

test("a copy that was made while a count is under way is counted after it, whatever became of that; an old store ends the run", async () => {
    const story: string[] = [];
    const first = Promise.withResolvers<void>();
    const claims = [() => first.promise, () => Promise.resolve(), () => Promise.reject(new Failure("store_outdated"))];
    const claim = (): Promise<void> => {
        story.push("claim");
        return (claims.shift() ?? (() => Promise.resolve()))();
    };
    const age = new AgeOfCopies({ claim }, { log: silent, commits: () => 0, end: ({ code }) => void story.push(code) });
    age.count();
    age.count();
    age.count();
    await Promise.resolve();
    // No look adds to those that wait already.
    for (let looks = 0; looks < 20; looks++) age.look();
    expect(story).toEqual(["claim"]);
    first.reject(new Error("the homeserver is away"));
    await age.stop();
    expect(story).toEqual(["claim", "claim", "claim", "store_outdated"]);
});

test("a look counts where the store has changed since the last count, and after an hour without one", async () => {
    let commits = 10;
    let claims = 0;
    const claim = async (): Promise<void> => {
        await Promise.resolve();
        claims++;
        // A count is a change, too, and no reason for another.
        commits += 2;
    };
    const age = new AgeOfCopies({ claim }, { log: silent, commits: () => commits, end: () => {} });
    const look = async (): Promise<number> => {
        age.look();
        await age.stop();
        return claims;
    };
    expect(await look()).toBe(0);
    commits++;
    expect([await look(), await look()]).toEqual([1, 1]);
    for (let looks = 2; looks < 12; looks++) await look();
    expect([claims, await look()]).toEqual([1, 2]);
});
