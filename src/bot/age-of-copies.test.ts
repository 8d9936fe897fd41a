import { expect, test } from "vitest";
import { Failure } from "../failures/index.ts";
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
    const age = new AgeOfCopies({ claim }, { log: silent, end: ({ code }) => void story.push(code) });
    age.count();
    age.count();
    age.count();
    await Promise.resolve();
    expect(story).toEqual(["claim"]);
    first.reject(new Error("the homeserver is away"));
    await age.stop();
    expect(story).toEqual(["claim", "claim", "claim", "store_outdated"]);
});
