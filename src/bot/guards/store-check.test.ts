import { expect, test } from "vitest";
import { Failure } from "../../failures/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { StoreCheck } from "./store-check.ts";

/** A check of these pieces, and what it says. */
function checkOf(pieces: readonly (readonly string[] | Error)[]) {
    const said: string[] = [];
    const say = (level: string) => (_: object, message: string) => void said.push(`${level}: ${message}`);
    const log: Logger = {
        debug: say("debug"),
        info: say("info"),
        warn: say("warn"),
        error: say("error"),
        child: () => log,
    };
    const rest = [...pieces];
    const checkNext = async (): Promise<readonly string[] | undefined> => {
        await Promise.resolve();
        const piece = rest.shift();
        if (piece instanceof Error) throw piece;
        return piece;
    };
    const stopping = new AbortController();
    const recorded: (string | undefined)[] = [];
    const record = (damage: string | undefined): void => void recorded.push(damage);
    const check = new StoreCheck({
        crypto: { checkNext },
        path: "/data/crypto.sqlite",
        log,
        record,
        signal: stopping.signal,
        delayMs: 0,
    });
    return { check, said, recorded, stopping, rest };
}

test("a store in which nothing is damaged is read whole, and no problem", async () => {
    const { check, said, recorded, rest } = checkOf([[], [], []]);
    await check.run();
    expect([said, check.problems(), rest]).toEqual([
        [expect.stringMatching(/^info: .*nothing in it is damaged/)],
        [],
        [],
    ]);
    expect(recorded).toEqual([undefined]);
});

test("damage is told once, with what to do, and stays a problem", async () => {
    const { check, said, recorded } = checkOf([[], ["record 5: its checksum does not fit"], ["record 7: the same"]]);
    await check.run();
    expect(recorded).toEqual([expect.stringMatching(/record 5.*restore/)]);
    expect(said).toEqual([expect.stringMatching(/^error: .*crypto\.sqlite is damaged: record 5/)]);
    expect(check.problems()).toEqual([expect.stringMatching(/record 5.*restore/)]);
});

test("damage that keeps the check from going on is told in the same way", async () => {
    const { check, said } = checkOf([
        [],
        new Failure("store_corrupt", { path: "/data/crypto.sqlite", detail: "malformed" }),
    ]);
    await check.run();
    expect([said.length, check.problems()]).toEqual([1, [expect.stringMatching(/malformed/)]]);
});

test("a stop ends it without a word, and another failure is no damage", async () => {
    const stopped = checkOf([[]]);
    stopped.stopping.abort();
    await stopped.check.run();
    expect([stopped.said, stopped.rest.length, stopped.recorded]).toEqual([[], 1, []]);
    const failed = checkOf([new Failure("disk_full", { path: "/data" })]);
    await failed.check.run();
    expect([failed.said, failed.check.problems(), failed.recorded]).toEqual([
        [expect.stringMatching(/^warn: .*given up/)],
        [],
        [],
    ]);
});
