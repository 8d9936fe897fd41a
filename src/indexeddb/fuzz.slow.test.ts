import { expect, test } from "vitest";
import { compareWithFake } from "./testing/differential.ts";

// For a longer search, and to see a failure again.
const runs = Number(process.env["FUZZ_RUNS"] ?? 5000);
const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);

test(
    `random programs do the same here as on fake-indexeddb (${runs} programs, seed ${seed})`,
    { timeout: 1_800_000 },
    async () => {
        await expect(compareWithFake(runs, seed)).resolves.toBeUndefined();
    },
);
