import * as fc from "fast-check";
import { expect, test } from "vitest";
import { life } from "./testing/life.ts";
import { Model } from "./testing/model.ts";

// MODEL_RUNS and _SEED: for a long search, and to see a failure again.
const runs = Number(process.env["MODEL_RUNS"] ?? 60);
const seed = Number(process.env["MODEL_SEED"] ?? Date.now() % 2 ** 31);

test(
    `whatever happens: no illegal move, no re-invite before a delivery, no copy outside the rules, and every job comes to an end (${runs} lives, seed ${seed})`,
    { timeout: 60_000 + runs * 500 },
    async () => {
        const lives = fc.asyncProperty(life, async (moments) => {
            const model = new Model();
            await model.live(moments);
            expect(model.broken).toEqual([]);
        });
        await fc.assert(lives, { numRuns: runs, seed });
    },
);
