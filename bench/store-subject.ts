import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import {
    DeviceId,
    DeviceLists,
    initAsync,
    OlmMachine,
    RequestType,
    RoomId,
    StoreHandle,
    UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import * as fakeIndexedDB from "fake-indexeddb";
import { BOT } from "../src/crypto/machine/testing/bot.ts";
import { KeyServer } from "../src/crypto/machine/testing/key-server.ts";
import { MegolmSession } from "../src/crypto/machine/testing/megolm.ts";
import { Peer } from "../src/crypto/machine/testing/peer.ts";
import { createIndexedDB } from "../src/indexeddb/index.ts";
import { received, room } from "./store-sessions.ts";

/**
 * Measures one crypto machine on one kind of store, in a process of its own: `node store-subject.ts KIND SESSIONS COUNT
 * [profile]`. The last line of its output is a `Measured` as JSON.
 */
export interface Measured {
    readonly import: Times;
    readonly receive: Times;
    readonly export: Times;
    readonly bundle: Times;
    /** Null for the memory store, which cannot be opened again. */
    readonly reopen: Times | null;
    /**
     * The part of the import's samples that were taken inside WebAssembly, 0 to 1; only where a profile was asked for.
     */
    readonly wasmShare: number | null;
}

/**
 * Milliseconds, for all sessions: by the clock, and those that a processor worked for it, which what else runs on the
 * machine does not change.
 */
export interface Times {
    readonly clock: number;
    readonly processor: number;
}

export type Kind = "ours" | "fake" | "memory";

// Its own types need those of a browser.
const { IDBFactory: FakeFactory, ...fakeClasses } = fakeIndexedDB as unknown as { IDBFactory: new () => object };
const chunk = 100;
const openings = 30;

const [kind, sessions = "", count = "", profile] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "backscroll-bench-store-"));
const path = join(folder, "crypto.sqlite");
const key = new Uint8Array(32).fill(7);
await initAsync();
let close: () => void = () => undefined;
try {
    const measured = await measure();
    console.log(JSON.stringify(measured));
} finally {
    close();
    rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<Measured> {
    const machine = await open();
    const profiler = profile === undefined ? undefined : await startProfiler();
    let importing: Times = { clock: 0, processor: 0 };
    let imported = 0;
    for await (const entries of chunks(sessions, Number(count))) {
        const { clock, processor } = await timed(() => machine.importExportedRoomKeys(entries, () => undefined));
        importing = { clock: importing.clock + clock, processor: importing.processor + processor };
        imported += chunk;
        if (imported % 10_000 === 0)
            console.log(`${kind}: ${imported} imported, ${(importing.clock / imported).toFixed(3)} ms each`);
    }
    const wasmShare = profiler === undefined ? null : await profiler();
    const batches = await roomKeyBatches(machine);
    const receiving = await timed(async () => {
        for (const events of batches)
            await machine.receiveSyncChanges(events, new DeviceLists(), new Map([["signed_curve25519", 50]]));
    });
    const bundling = await timed(() => machine.buildRoomKeyBundle(new RoomId(room)));
    const exporting = await timed(() => machine.exportRoomKeys(() => true));
    return {
        import: importing,
        receive: receiving,
        export: exporting,
        bundle: bundling,
        reopen: await reopen(machine),
        wasmShare,
    };
}

async function open(): Promise<OlmMachine> {
    const [user, device] = [new UserId(BOT.userId), new DeviceId(BOT.deviceId)];
    if (kind === "memory") return OlmMachine.initialize(user, device);
    if (kind === "fake" && !("indexedDB" in globalThis)) {
        Object.assign(globalThis, fakeClasses, { indexedDB: new FakeFactory() });
    }
    if (kind === "ours") {
        const store = createIndexedDB({ path });
        store.install(globalThis);
        close = () => store.close();
    }
    return OlmMachine.initFromStore(user, device, await StoreHandle.openWithKey("bench", key));
}

/**
 * The fastest of some openings, to a machine that is ready: ours opens a file, the other one's data is in memory all
 * the time.
 */
async function reopen(first: OlmMachine): Promise<Times | null> {
    if (kind === "memory") return null;
    let machine = first;
    const times: Times[] = [];
    for (let n = 0; n < openings; n++) {
        machine.close();
        // The machine ends its connections in tasks of its own.
        await sleep(20);
        close();
        times.push(await timed(async () => (machine = await open())));
    }
    machine.close();
    await sleep(20);
    return {
        clock: Math.min(...times.map((one) => one.clock)),
        processor: Math.min(...times.map((one) => one.processor)),
    };
}

/** Batches of encrypted `m.room_key`s from another device. */
async function roomKeyBatches(machine: OlmMachine): Promise<string[]> {
    const server = new KeyServer();
    for (const request of await machine.outgoingRequests()) {
        const { id, body } = request;
        if (id === undefined || request.type !== RequestType.KeysUpload) continue;
        await machine.markRequestAsSent(
            id,
            request.type,
            server.answer(BOT.userId, BOT.deviceId, { id, kind: "keys_upload", body }),
        );
    }
    const peer = await Peer.join(server, "@alice:home", "ALICE");
    await peer.learn(BOT.userId);
    for (let n = 0; n < received; n++) {
        const session = new MegolmSession();
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: room,
            session_id: session.sessionId,
            session_key: session.sharedAt(0),
        };
        await peer.tell(BOT.userId, BOT.deviceId, "m.room_key", {
            ...content,
            "org.matrix.msc3061.shared_history": true,
        });
    }
    const events = server.take(BOT.userId, BOT.deviceId);
    return Array.from({ length: received / chunk }, (_, n) => JSON.stringify(events.slice(n * chunk, (n + 1) * chunk)));
}

async function* chunks(file: string, limit: number): AsyncGenerator<string> {
    let lines: string[] = [];
    let taken = 0;
    for await (const line of createInterface({ input: createReadStream(file) })) {
        if (taken++ >= limit) return;
        lines.push(line);
        if (lines.length < chunk) continue;
        yield `[${lines.join(",")}]`;
        lines = [];
    }
}

async function timed(work: () => Promise<unknown>): Promise<Times> {
    const [start, before] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(before);
    return { clock: performance.now() - start, processor: (user + system) / 1000 };
}

/** Samples this thread; the function that it answers stops that and tells how much of it was WebAssembly. */
async function startProfiler(): Promise<() => Promise<number>> {
    const inspector = new Session();
    inspector.connect();
    await inspector.post("Profiler.enable");
    await inspector.post("Profiler.start");
    return async () => {
        const { profile } = await inspector.post("Profiler.stop");
        inspector.disconnect();
        let [inside, all] = [0, 0];
        for (const { hitCount = 0, callFrame } of profile.nodes) {
            if (callFrame.functionName === "(idle)") continue;
            all += hitCount;
            if (callFrame.url.startsWith("wasm:")) inside += hitCount;
        }
        return inside / all;
    };
}
