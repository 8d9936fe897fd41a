import { expect, test } from "vitest";
import type { Generation } from "../crypto/index.ts";
import { compareGenerations, StoreGeneration } from "./generation.ts";

test.each([
    ["the first start", { value: 0, published: 0 }, undefined, "ours"],
    ["somebody deleted the account data", { value: 7, published: 7 }, undefined, "ours"],
    ["nothing happened", { value: 7, published: 7 }, 7, "ours"],
    ["killed after counting here", { value: 8, published: 7 }, 7, "ours"],
    ["killed after the homeserver took it", { value: 8, published: 7 }, 8, "ours"],
    ["an old copy", { value: 7, published: 7 }, 8, "old_copy"],
    ["an old copy from between counting here and there", { value: 8, published: 7 }, 9, "old_copy"],
    ["the homeserver was put back", { value: 8, published: 8 }, 7, "homeserver_went_back"],
    [
        "the homeserver was put back, and we were killed while healing",
        { value: 9, published: 8 },
        7,
        "homeserver_went_back",
    ],
] as const)("%s", (_, ours, server, verdict) => expect(compareGenerations(ours, server)).toBe(verdict));

/** A store and a homeserver; `killAt` ends the process before its n-th write, or after it for halves. */
class World {
    store: Generation = { value: 0, published: 0 };
    server: unknown;
    wentBack = 0;

    claim(killAt = Number.POSITIVE_INFINITY): Promise<void> {
        let writes = 0;
        const write = async (work: () => void): Promise<void> => {
            await Promise.resolve();
            writes++;
            if (killAt <= writes - 0.5) throw new Error("killed");
            work();
            if (killAt <= writes) throw new Error("killed");
        };
        return new StoreGeneration({
            homeserver: {
                accountData: (_, type) =>
                    Promise.resolve(
                        type === "org.backscroll.generation.D" ? (this.server as Record<string, unknown>) : {},
                    ),
                putAccountData: (_, __, content) => write(() => (this.server = content)),
            },
            crypto: {
                generation: () => Promise.resolve(this.store),
                setGeneration: (generation) => write(() => (this.store = generation)),
            },
            userId: "@bot:home",
            deviceId: "D",
            dataDir: "/data",
            onHomeserverWentBack: () => void this.wentBack++,
        }).claim();
    }
}

const kills = [0.5, 1, 1.5, 2, 2.5, 3];

test.each(kills)(
    "a kill at write %d of a start does not lock the store out, and its old copies are refused",
    async (at) => {
        const world = new World();
        await world.claim();
        const copy = world.store;
        await expect(world.claim(at)).rejects.toThrow("killed");
        await world.claim();
        expect(world.wentBack).toBe(0);
        expect(world.store.value).toBeGreaterThan(copy.value);

        world.store = copy;
        await expect(world.claim()).rejects.toMatchObject({ code: "store_outdated", exitCode: 65 });
        expect(world.store).toBe(copy);
    },
);

test.each(kills)("a homeserver that was put back is healed, also after a kill at write %d meanwhile", async (at) => {
    const world = new World();
    await world.claim();
    const old = world.server;
    await world.claim();
    world.server = old;
    await world.claim(at).catch(() => undefined);
    await world.claim();
    expect(world.wentBack).toBeGreaterThan(0);
    expect(world.server).toEqual({ generation: world.store.value });

    const before = world.wentBack;
    await world.claim();
    expect(world.wentBack).toBe(before);
});

test.each([{}, { generation: "7" }, { generation: -1 }, { generation: 1.5 }, { generation: 1e300 }])(
    "what somebody else wrote there (%j) counts for nothing",
    async (content) => {
        const world = new World();
        await world.claim();
        world.server = content;
        await world.claim();
        expect(world.server).toEqual({ generation: 2 });
    },
);
