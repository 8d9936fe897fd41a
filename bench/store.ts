import { join } from "node:path";
import { Program, TemporaryFolder } from "../test/process/index.ts";
import { milliseconds, table, verdict } from "./figures.ts";
import type { Stage } from "./stage.ts";
import { received, writeSessions } from "./store-sessions.ts";
import type { Kind, Measured, Times } from "./store-subject.ts";
import type { Worked } from "./store-worker.ts";

const kinds: readonly Kind[] = ["memory", "fake", "ours"];
/** Sessions in all rounds of one size together: larger stores are measured less often. */
const budget = 50_000;

/**
 * The crypto machine on our IndexedDB, on fake-indexeddb and on its own memory store, and the crypto worker as the bot
 * has it. Each measurement is a process of its own; of several rounds by turns the fastest counts, as whatever else
 * runs only slows.
 */
export async function store({ rounds, sizes, disposal, progress }: Stage): Promise<void> {
    const folder = disposal.use(new TemporaryFolder("bench-store"));
    const sessions = join(folder.path, "sessions.jsonl");
    progress(`making ${Math.max(...sizes)} sessions`);
    await writeSessions(sessions, Math.max(...sizes));
    for (const size of sizes) {
        const results = await measureKinds(
            sessions,
            size,
            Math.max(1, Math.min(rounds, Math.floor(budget / size))),
            progress,
        );
        const profiled = [String(Math.min(size, 10_000)), "profile"];
        const { wasmShare } = await run<Measured>("store-subject.ts", ["ours", sessions, ...profiled], progress);
        printKinds(size, results, wasmShare ?? Number.NaN);
        printWorker(size, await run<Worked>("store-worker.ts", [sessions, String(size)], progress));
    }
}

type Results = Readonly<Record<Kind, readonly Measured[]>>;

async function measureKinds(
    sessions: string,
    size: number,
    rounds: number,
    progress: Stage["progress"],
): Promise<Results> {
    const results: Record<Kind, Measured[]> = { memory: [], fake: [], ours: [] };
    for (let round = 1; round <= rounds; round++) {
        for (const kind of kinds) {
            progress(`${size} sessions, ${kind}, round ${round} of ${rounds}`);
            results[kind].push(await run<Measured>("store-subject.ts", [kind, sessions, String(size)], progress));
        }
    }
    return results;
}

type Step = "import" | "receive" | "export" | "bundle" | "reopen";

/** The least of the rounds, in milliseconds; NaN for what this kind cannot do. */
function least(measured: readonly Measured[], step: Step, unit: keyof Times): number {
    return Math.min(...measured.map((one) => one[step]?.[unit] ?? Number.NaN));
}

function printKinds(size: number, results: Results, wasm: number): void {
    for (const unit of ["clock", "processor"] as const) {
        console.log(`\nThe machine on ${size} sessions, each kind in a process of its own, by the ${unit}\n`);
        const row = (
            step: Step,
            count: number,
            limits: { readonly fake?: number; readonly memory?: number },
        ): string[] => {
            const [ours, fake, memory] = (["ours", "fake", "memory"] as const).map(
                (kind) => least(results[kind], step, unit) / count,
            );
            if (ours === undefined || fake === undefined || memory === undefined) return [];
            const each = [ours, fake, memory].map((value) => (Number.isNaN(value) ? "" : `${value.toFixed(3)} ms`));
            return [step, ...each, ...ratio(ours / fake, limits.fake), ...ratio(ours / memory, limits.memory)];
        };
        console.log(
            table([
                ["", "ours", "fake-indexeddb", "memory store", "ours / fake", "", "ours / memory", ""],
                row("import", size, { fake: 1.3, memory: 4 }),
                row("receive", received, {}),
                row("export", size, { fake: 1, memory: 3.5 }),
                row("bundle", size, { fake: 1.5 }),
                row("reopen", 1, { fake: 1.3 }),
            ]),
        );
    }
    const opening = least(results.ours, "reopen", "clock");
    console.log(
        `\nOpening the store and its machine: ${milliseconds(opening)}, limit 150 ms: ${verdict(opening, 150)}.`,
    );
    console.log(
        `Of the import on our store, WebAssembly itself takes ${(wasm * 100).toFixed(0)} % of the time on the processor.`,
    );
}

function ratio(value: number, limit: number | undefined): [text: string, judgement: string] {
    if (Number.isNaN(value)) return ["", ""];
    return [value.toFixed(2), limit === undefined ? "" : `${verdict(value, limit)} (${limit})`];
}

function printWorker(size: number, worked: Worked): void {
    console.log(`\nThe crypto worker as the bot has it, ${size} sessions imported\n`);
    console.log(
        table([
            ["", "", "limit", ""],
            ["a session, first tenth", `${worked.first.toFixed(3)} ms`, "", ""],
            [
                "a session, last tenth",
                `${worked.last.toFixed(3)} ms`,
                "1.5 x",
                verdict(worked.last / worked.first, 1.5),
            ],
            ["main thread's delay, 99th percentile", milliseconds(worked.lag), "20 ms", verdict(worked.lag, 20)],
            ["peak memory of the process", `${worked.peak.toFixed(0)} MB`, "250 MB", verdict(worked.peak, 250)],
            ["the thread's start, WebAssembly included", milliseconds(worked.ready), "", ""],
            ["bundle", milliseconds(worked.bundle), "", ""],
        ]),
    );
}

/** Runs a measurement; its last line is the answer, the others are progress. */
async function run<T>(file: string, args: readonly string[], progress: Stage["progress"]): Promise<T> {
    const program = new Program({
        name: file,
        command: process.execPath,
        args: [join(import.meta.dirname, file), ...args],
    });
    program.onLine((line) => {
        if (!line.startsWith("{")) progress(line);
    });
    const { code } = await program.exited;
    const last = program.answer.split("\n").at(-1);
    if (code !== 0 || last === undefined) throw new Error(`${file} failed:\n${program.output}`);
    return JSON.parse(last) as T;
}
