import type { Reporter, TestModule } from "vitest/node";

/** At the end of a run: the tests that took longest, by the clock, the slowest first. */
export class SlowestTests implements Reporter {
    readonly #count: number;

    constructor(count: number) {
        this.#count = count;
    }

    onTestRunEnd(modules: readonly TestModule[]): void {
        const tests = modules.flatMap((module) =>
            [...module.children.allTests()].map((test) => ({
                ms: test.diagnostic()?.duration ?? 0,
                name: `${module.relativeModuleId}: ${test.fullName}`,
            })),
        );
        const slowest = tests.toSorted((one, other) => other.ms - one.ms).slice(0, this.#count);
        const lines = slowest.map(({ ms, name }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}`);
        process.stdout.write(`\nThe slowest of ${tests.length} tests:\n${lines.join("\n")}\n\n`);
    }
}
