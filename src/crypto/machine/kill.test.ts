import { expect, test } from "vitest";
import { temporaryStore } from "./testing/bot.ts";
import { killMany } from "./testing/kills.ts";

test(
    "a machine that is killed 8 times holds every session that was acknowledged, with its sender's flag",
    { timeout: 120_000 },
    async () => {
        using store = temporaryStore();
        const { survivors, acknowledged } = await killMany(store.path, 8);
        for (const survivor of survivors) expect(survivor).toEqual({ damage: [], lost: [], torn: false });
        expect(acknowledged).toBeGreaterThan(8);
    },
);
