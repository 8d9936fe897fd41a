import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Failure } from "../failures/index.ts";
import { BOT, silent, storeKey, temporaryStore } from "./machine/testing/bot.ts";
import { startCrypto } from "./host.ts";

const start = (path: string, onFatal: (reason: Failure) => void) =>
    startCrypto({ ...BOT, storeKey, path, log: silent, onFatal });

test("a store that is no store fails the start with its reason, and nothing is fatal", async () => {
    using store = temporaryStore();
    writeFileSync(store.path, "not a database, but long enough to look at ".repeat(100));
    const fatal: Failure[] = [];
    await expect(start(store.path, (reason) => fatal.push(reason))).rejects.toMatchObject({ code: "store_corrupt" });
    expect(fatal).toEqual([]);
});

test("a start with a device ID that the machine refuses rejects instead of hanging", async () => {
    using store = temporaryStore();
    const starting = startCrypto({
        userId: "nobody",
        deviceId: "BOT",
        storeKey,
        path: store.path,
        log: silent,
        onFatal: () => undefined,
    });
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

test("a thread that is gone before its answer to close was read has ended without a fatal reason", async () => {
    const fatal: Failure[] = [];
    const options = { ...BOT, storeKey, path: "", log: silent, onFatal: (reason: Failure) => fatal.push(reason) };
    const crypto = await startCrypto(options, broken("process.exit(0)", 5_000));
    await crypto.close();
    expect(fatal).toEqual([]);
});

test("a call that cannot be cloned is rejected, and the port works on", async () => {
    using store = temporaryStore();
    const crypto = await start(store.path, () => undefined);
    await expect(crypto.importRoomKeys([() => undefined])).rejects.toThrow();
    await expect(crypto.ping()).resolves.toBeUndefined();
    await crypto.close();
});

/** A worker's body that opens at once and answers the first call as a fault would. */
const broken = (onCall: string, tickMs: number) => ({
    url: new URL(
        `data:text/javascript,import { parentPort } from "node:worker_threads";
        parentPort.on("message", (call) => { ${onCall} });
        parentPort.postMessage({ type: "ready" });`,
    ),
    tickMs,
    ticks: 3,
});

test.each([
    [
        "an exception that nobody catches, as a panic is",
        'throw new WebAssembly.RuntimeError("unreachable")',
        "RuntimeError: unreachable",
        5_000,
    ],
    ["a rejection that nobody handles", 'Promise.reject(new Error("lost"))', "Error: lost", 5_000],
    ["the end of its thread", "process.exit(3)", "code 3", 5_000],
    ["a call that never ends", "", "ping has not ended", 20],
    ["a thread that spins", "for (;;);", "ping has not ended", 20],
    [
        "a fault that it names itself",
        'parentPort.postMessage({ type: "fault", error: { kind: "error", name: "Error", message: "torn", stack: undefined } })',
        "torn",
        5_000,
    ],
])("%s of the worker is fatal once, and rejects what waits and what comes", async (_, onCall, detail, tickMs) => {
    const fatal: Failure[] = [];
    const options = { ...BOT, storeKey, path: "", log: silent, onFatal: (reason: Failure) => fatal.push(reason) };
    const crypto = await startCrypto(options, broken(onCall, tickMs));
    const answers = await Promise.allSettled([crypto.ping(), crypto.outgoing()]);
    expect(answers.map((answer) => answer.status)).toEqual(["rejected", "rejected"]);
    await expect(crypto.ping()).rejects.toMatchObject({ code: "worker_died" });
    expect(fatal).toEqual([expect.objectContaining({ code: "worker_died", message: expect.stringContaining(detail) })]);
    await crypto.close();
});
