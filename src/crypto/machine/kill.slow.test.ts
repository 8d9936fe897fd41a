import { expect, test } from "vitest";
import { temporaryStore } from "./testing/bot.ts";
import { killMany } from "./testing/kills.ts";

test(
    "a machine that is killed 100 times holds every session that was acknowledged, with its sender's flag",
    { timeout: 1200000 },
    async () => {
        using store = temporaryStore();
        const { survivors, acknowledged } = await killMany(store.path, 100);
        for (const survivor of survivors) expect(survivor).toEqual({ damage: [], lost: [], torn: false });
        expect(acknowledged).toBeGreaterThan(100);
    },
);
