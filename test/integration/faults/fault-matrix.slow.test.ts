import { afterAll, beforeAll, expect, test } from "vitest";
import { faultNames } from "./faults.ts";
import { Matrix } from "./matrix.ts";
import { FaultStage, storyRequests } from "./stage.ts";

const cells = storyRequests.flatMap((request) => faultNames.map((fault) => ({ request, fault })));
const matrix = new Matrix(storyRequests, faultNames);
let stage: FaultStage;

beforeAll(async () => {
    stage = await FaultStage.open();
});

afterAll(async () => {
    console.log(`\nWhat became of the story when a request was struck once:\n\n${matrix.toString()}\n`);
    await stage[Symbol.asyncDispose]();
});

test.each(cells)("$request: $fault, and the story ends well", async ({ request, fault }) => {
    matrix.set(request, fault, "failed");
    expect((await stage.play(request, fault)).twice).toEqual([]);
    matrix.set(request, fault, "well");
});
