import { expect, test } from "vitest";
import { ConcurrencyLimit, ConcurrencyLimitEach } from "./concurrency-limit.ts";

/** Work that goes on until it is let go, and what has begun. */
function slowWork() {
    const begun: string[] = [];
    const release = Promise.withResolvers<void>();
    const work = (name: string) => async (): Promise<string> => {
        begun.push(name);
        await release.promise;
        return name;
    };
    return { begun, work, release: release.resolve };
}

test("so many at once, the others in their order", async () => {
    const { begun, work, release } = slowWork();
    const places = new ConcurrencyLimit(2);
    const ends = ["first", "second", "third", "fourth"].map((name) => places.run(work(name)));
    expect(begun).toEqual(["first", "second"]);
    release();
    expect(await Promise.all(ends)).toEqual(["first", "second", "third", "fourth"]);
    expect(begun).toEqual(["first", "second", "third", "fourth"]);
});

test("of several kinds, one that does not end holds up no other; what failed gives its place back", async () => {
    const { begun, work, release } = slowWork();
    const places = new ConcurrencyLimitEach(1);
    await expect(places.run("slow", () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    const ends = [places.run("slow", work("one")), places.run("slow", work("two")), places.run("quick", work("three"))];
    expect(begun).toEqual(["one", "three"]);
    release();
    expect(await Promise.all(ends)).toEqual(["one", "two", "three"]);
});
