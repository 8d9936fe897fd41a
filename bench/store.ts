import { join } from "node:path";
import { Program, TemporaryFolder } from "../test/process/index.ts";
import { milliseconds, table, verdict } from "./figures.ts";
import type { Stage } from "./stage.ts";
import { received, writeSessions } from "./store-sessions.ts";
import type { Kind, Measured } from "./store-subject.ts";
import type { Worked } from "./store-worker.ts";

const kinds: readonly Kind[] = ["memory", "fake", "ours"];
/** Sessions in all rounds of one size together: larger stores are measured less often. */
const budget = 50_000;

/**
 * The crypto machine on our IndexedDB, on fake-indexeddb and on its own memory store, and the crypto worker as the bot has it.
 * Each measurement is a process of its own; of several rounds by turns the fastest counts, as whatever else runs only slows.
 */
export async function store({ rounds, sizes, disposal, progress }: Stage): Promise<void> {
    const folder = disposal.use(new TemporaryFolder("bench-store"));
    const sessions = join(folder.path, "sessions.jsonl");
    progress(`making ${Math.max(...sizes)} sessions`);
    await writeSessions(sessions, Math.max(...sizes));
    for (const size of sizes) {
        const measured = await measureKinds(sessions, size, Math.max(1, Math.min(rounds, Math.floor(budget / size))), progress);
        printKinds(size, measured);
        printWorker(size, await run<Worked>("store-worker.ts", [sessions, String(size)], progress));
    }
}

type ByKind = Record<Kind, Measured>;

async function measureKinds(
    sessions: string,
    size: number,
    rounds: number,
    progress: Stage["progress"],
): Promise<ByKind & { wasm: number }> {
    const results: Record<Kind, Measured[]> = { memory: [], fake: [], ours: [] };
    for (let round = 1; round <= rounds; round++) {
        for (const kind of kinds) {
            progress(`${size} sessions, ${kind}, round ${round} of ${rounds}`);
            results[kind].push(await run<Measured>("store-subject.ts", [kind, sessions, String(size)], progress));
        }
    }
    const profiled = await run<Measured>("store-subject.ts", ["ours", sessions, String(Math.min(size, 10_000)), "profile"], progress);
    const [memory, fake, ours] = kinds.map((kind) => fastest(results[kind]));
    if (memory === undefined || fake === undefined || ours === undefined) throw new Error("nothing was measured");
    return { memory, fake, ours, wasm: profiled.wasmShare ?? Number.NaN };
}

function fastest(measured: readonly Measured[]): Measured {
    const least = (of: (one: Measured) => number | null): number => Math.min(...measured.map((one) => of(one) ?? Number.NaN));
    return {
        import: least((one) => one.import),
        receive: least((one) => one.receive),
        export: least((one) => one.export),
        bundle: least((one) => one.bundle),
        reopen: least((one) => one.reopen),
        wasmShare: null,
    };
}

function printKinds(size: number, { memory, fake, ours, wasm }: ByKind & { wasm: number }): void {
    const each = (all: number, count: number): string => `${(all / count).toFixed(3)} ms`;
    const row = (name: keyof Measured, count: number, overFake: number | undefined, overMemory: number | undefined): string[] => {
        const [m, f, o] = [memory[name] ?? Number.NaN, fake[name] ?? Number.NaN, ours[name] ?? Number.NaN];
        const limited = (ratio: number, limit: number | undefined): string[] =>
            limit === undefined
                ? [Number.isNaN(ratio) ? "" : ratio.toFixed(2), ""]
                : [ratio.toFixed(2), `${verdict(ratio, limit)} (${limit})`];
        return [
            name,
            ...[o, f, m].map((all) => (Number.isNaN(all) ? "" : each(all, count))),
            ...limited(o / f, overFake),
            ...limited(o / m, overMemory),
        ];
    };
    console.log(`\nThe machine on ${size} sessions, each in a process of its own\n`);
    console.log(
        table([
            ["", "ours", "fake-indexeddb", "memory store", "ours / fake", "", "ours / memory", ""],
            row("import", size, 1.3, 4),
            row("receive", received, undefined, undefined),
            row("export", size, 1, 3.5),
            row("bundle", size, 1.5, undefined),
            row("reopen", 1, 1.3, undefined),
        ]),
    );
    const opening = ours.reopen ?? Number.NaN;
    console.log(`\nOpening the store and its machine: ${milliseconds(opening)}, limit 150 ms: ${verdict(opening, 150)}.`);
    console.log(`Of the import on our store, WebAssembly itself takes ${(wasm * 100).toFixed(0)} % of the time on the processor.`);
}

function printWorker(size: number, worked: Worked): void {
    console.log(`\nThe crypto worker as the bot has it, ${size} sessions imported\n`);
    console.log(
        table([
            ["", "", "limit", ""],
            ["a session, first tenth", `${worked.first.toFixed(3)} ms`, "", ""],
            ["a session, last tenth", `${worked.last.toFixed(3)} ms`, "1.5 x", verdict(worked.last / worked.first, 1.5)],
            ["main thread's delay, 99th percentile", milliseconds(worked.lag), "20 ms", verdict(worked.lag, 20)],
            ["peak memory of the process", `${worked.peak.toFixed(0)} MB`, "250 MB", verdict(worked.peak, 250)],
            ["the thread's start, WebAssembly included", milliseconds(worked.ready), "", ""],
            ["bundle", milliseconds(worked.bundle), "", ""],
        ]),
    );
}

/** Runs a measurement; its last line is the answer, the others are progress. */
async function run<T>(file: string, args: readonly string[], progress: Stage["progress"]): Promise<T> {
    const program = new Program({ name: file, command: process.execPath, args: [join(import.meta.dirname, file), ...args] });
    program.onLine((line) => {
        if (!line.startsWith("{")) progress(line);
    });
    const { code } = await program.exited;
    const last = program.answer.split("\n").at(-1);
    if (code !== 0 || last === undefined) throw new Error(`${file} failed:\n${program.output}`);
    return JSON.parse(last) as T;
}
