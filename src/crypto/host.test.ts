import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Failure } from "../failures/index.ts";
import { BOT, silent, storeKey, temporaryStore } from "./machine/testing/bot.ts";
import { startCrypto } from "./host.ts";

const start = (path: string, onFatal: (reason: Failure) => void) => startCrypto({ ...BOT, storeKey, path, log: silent, onFatal });

test("a store that is no store fails the start with its reason, and nothing is fatal", async () => {
    using store = temporaryStore();
    writeFileSync(store.path, "not a database, but long enough to look at ".repeat(100));
    const fatal: Failure[] = [];
    await expect(start(store.path, (reason) => fatal.push(reason))).rejects.toMatchObject({ code: "store_corrupt" });
    expect(fatal).toEqual([]);
});

test("a start with a device ID that the machine refuses rejects instead of hanging", async () => {
    using store = temporaryStore();
    const starting = startCrypto({ userId: "nobody", deviceId: "BOT", storeKey, path: store.path, log: silent, onFatal: () => undefined });
    await expect(starting).rejects.toMatchObject({ code: "worker_died" });
});

test("a closed port has ended without a fatal reason", async () => {
    using store = temporaryStore();
    const fatal: Failure[] = [];
    const crypto = await start(store.path, (reason) => fatal.push(reason));
    await crypto.close();
    await crypto.close();
    await expect(crypto.ping()).rejects.toMatchObject({ code: "worker_died" });
    expect(fatal).toEqual([]);
});

test("a call that cannot be cloned is rejected, and the port works on", async () => {
    using store = temporaryStore();
    const crypto = await start(store.path, () => undefined);
    await expect(crypto.importRoomKeys([() => undefined])).rejects.toThrow();
    await expect(crypto.ping()).resolves.toBeUndefined();
    await crypto.close();
});
