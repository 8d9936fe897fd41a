import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startCrypto } from "../src/crypto/index.ts";
import type { BundleRequest, CryptoPort } from "../src/crypto/index.ts";
import { BOT, silent, storeKey } from "../src/crypto/machine/testing/bot.ts";
import { peakMemory } from "./stage.ts";
import { room } from "./store-sessions.ts";

/**
 * Imports sessions as the bot does, through the crypto worker, in a process of its own: `node store-worker.ts SESSIONS
 * COUNT`. The last line of its output is a `Worked` as JSON.
 */
export interface Worked {
    /** Milliseconds a session, of the first and of the last tenth. */
    readonly first: number;
    readonly last: number;
    /** The main thread's delay, 99th percentile in milliseconds, and the process's peak in MB. */
    readonly lag: number;
    readonly peak: number;
    /** Milliseconds until the worker is there with all sessions in its store: the fastest of five. */
    readonly ready: number;
    /** Milliseconds for the bundle of all of them. */
    readonly bundle: number;
}

/** As many as one request of `import-keys` has. */
const chunk = 100;
/** How often the main thread's delay is sampled, in milliseconds. */
const resolution = 1;

const [sessions = "", count = ""] = process.argv.slice(2);
const everything: BundleRequest = {
    roomId: room,
    key: new Uint8Array(32),
    iv: new Uint8Array(16),
    limits: { maxSessions: Number.MAX_SAFE_INTEGER, maxBytes: undefined, notBefore: undefined },
    times: [],
};
const folder = mkdtempSync(join(tmpdir(), "backscroll-bench-worker-"));
try {
    console.log(JSON.stringify(await work(Number(count))));
} finally {
    rmSync(folder, { recursive: true, force: true });
}

async function work(total: number): Promise<Worked> {
    let crypto = await start();
    const delay = monitorEventLoopDelay({ resolution });
    delay.enable();
    const tenths = await importTenths(crypto, total);
    delay.disable();
    const peak = peakMemory(process.pid);
    const lag = delay.percentile(99) / 1e6 - resolution;
    const bundle = await timed(() => crypto.buildBundle(everything));
    const openings: number[] = [];
    for (let n = 0; n < 5; n++) {
        await crypto.close();
        openings.push(await timed(async () => (crypto = await start())));
    }
    await crypto.close();
    return {
        first: tenths[0] ?? Number.NaN,
        last: tenths.at(-1) ?? Number.NaN,
        lag,
        peak,
        ready: Math.min(...openings),
        bundle,
    };
}

function start(): Promise<CryptoPort> {
    const onFatal = (reason: Error): void => console.error(reason);
    return startCrypto({ ...BOT, path: join(folder, "crypto.sqlite"), storeKey, log: silent, onFatal });
}

/** Milliseconds a session, tenth by tenth. */
async function importTenths(crypto: CryptoPort, total: number): Promise<number[]> {
    const tenths: number[] = [];
    let entries: unknown[] = [];
    let imported = 0;
    let since = performance.now();
    for await (const line of createInterface({ input: createReadStream(sessions) })) {
        entries.push(JSON.parse(line));
        if (entries.length < chunk) continue;
        imported += (await crypto.importRoomKeys(entries)).imported;
        entries = [];
        if (imported % (total / 10) === 0) {
            tenths.push((performance.now() - since) / (total / 10));
            console.log(`worker: ${imported} imported, ${tenths.at(-1)?.toFixed(3)} ms each`);
            since = performance.now();
        }
        if (imported >= total) break;
    }
    return tenths;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
    const start = performance.now();
    await work();
    return performance.now() - start;
}
