import { afterAll, beforeAll, expect, test } from "vitest";
import { faultNames } from "./faults.ts";
import { Matrix } from "./matrix.ts";
import { FaultStage, storyRequests } from "./stage.ts";

// Every request once, each with another fault; `fault-matrix.slow.test.ts` plays all of them.
const cells = storyRequests.map((request, index) => ({ request, fault: faultNames[(index * 3 + 1) % faultNames.length] ?? "500" }));
const matrix = new Matrix(storyRequests, faultNames);
let stage: FaultStage;

beforeAll(async () => {
    stage = await FaultStage.open();
});

afterAll(async () => {
    console.log(`\nWhat became of the story when a request was struck once:\n\n${matrix.toString()}\n`);
    await stage[Symbol.asyncDispose]();
});

test("the story makes the requests that the matrix strikes", async () => {
    const { requests } = await stage.play("GET /sync", undefined);
    expect(requests).toEqual(new Set(storyRequests));
});

test.each(cells)("$request: $fault, and the story ends well", async ({ request, fault }) => {
    matrix.set(request, fault, "failed");
    expect((await stage.play(request, fault)).twice).toEqual([]);
    matrix.set(request, fault, "well");
});
