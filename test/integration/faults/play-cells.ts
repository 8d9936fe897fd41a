import { afterAll, beforeAll, expect, test } from "vitest";
import { type FaultName, faultNames } from "./faults.ts";
import { Matrix } from "./matrix.ts";
import { FaultStage, type StoryRequest, storyRequests } from "./stage.ts";

export interface Cell {
    readonly request: StoryRequest;
    readonly fault: FaultName;
}

/** One test a cell, and the whole table in the output. Answers the stage, which is there while tests run. */
export function playCells(cells: readonly Cell[]): () => FaultStage {
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

    return () => stage;
}
