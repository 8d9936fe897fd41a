import { expect, test } from "vitest";
import { faultNames } from "./faults.ts";
import { playCells } from "./play-cells.ts";
import { storyRequests } from "./stage.ts";

// Every request once, each with another fault; `fault-matrix.slow.test.ts` plays all of them.
const stage = playCells(
    storyRequests.map((request, index) => ({
        request,
        fault: faultNames[(index * 3 + 1) % faultNames.length] ?? "500",
    })),
);

test("the story makes the requests that the matrix strikes", async () => {
    const { requests } = await stage().play("GET /sync", undefined);
    expect(requests).toEqual(new Set(storyRequests));
});
