import { expect, test } from "vitest";
import { WaitsInMemory } from "./waits-in-memory.ts";

const later = (at: number, failures: number, notBefore = 0) => ({ at, failures, notBefore });

test("what waits is due when its time has come, and what is not to be done any more is forgotten then", () => {
    let keys = ["a", "b"];
    const waits = new WaitsInMemory(() => keys.map((key) => ({ key })));
    const { due, nextAt, record } = waits.answers;
    expect(due(0)).toEqual([
        { key: "a", failures: 0 },
        { key: "b", failures: 0 },
    ]);
    record({ key: "a", failures: 0 }, later(10, 1, 20));
    record({ key: "b", failures: 0 }, later(15, 0));
    expect([due(14), nextAt(14)]).toEqual([[], 15]);
    expect([due(19).map(({ key }) => key), nextAt(19)]).toEqual([["b"], 20]);
    expect(due(20)).toContainEqual({ key: "a", failures: 1 });
    keys = ["b"];
    due(19);
    keys = ["a", "b"];
    expect(due(20)).toContainEqual({ key: "a", failures: 1 });
    keys = ["b"];
    due(20);
    keys = ["a", "b"];
    expect(due(20)).toContainEqual({ key: "a", failures: 0 });
});

test("a wait that no failure made can be ended", () => {
    const waits = new WaitsInMemory(() => [{ key: "failed" }, { key: "waits" }]);
    const { due, record } = waits.answers;
    record({ key: "failed", failures: 0 }, later(10, 1));
    record({ key: "waits", failures: 0 }, later(10, 0));
    for (const key of ["failed", "waits"]) waits.hurry(key);
    expect(due(0).map(({ key }) => key)).toEqual(["waits"]);
});
