import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./testing/fixture.ts";
import { killWriters } from "./testing/kills.ts";

// For a longer run.
const kills = Number(process.env["KILLS"] ?? 100);

test(
    `a store whose writers are killed ${kills} times keeps all that was acknowledged, and nothing half done`,
    { timeout: 1_200_000 },
    async () => {
        expect(await killWriters(join(temporaryFolder(), "store.sqlite"), kills)).toBeGreaterThan(0);
    },
);
