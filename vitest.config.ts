import { defineConfig } from "vitest/config";
import { SlowestTests } from "./test/slowest-tests.ts";

const slowTests = "**/*.slow.test.ts";

// The sources run as Node runs them (`viteModuleRunner: false`): what type stripping refuses, the tests refuse too.
const asNodeDoes = { viteModuleRunner: false } as const;

const unit = {
    name: "unit",
    include: ["src/**/*.test.ts", "test/{bot,clients,process,proxy,synapse}/**/*.test.ts"],
    exclude: [slowTests],
    // No part keeps state in its modules: the files of a worker share them, and the crypto is compiled once for them all.
    isolate: false,
    testTimeout: 60_000,
    experimental: asNodeDoes,
};

const gates = {
    name: "gates",
    include: ["test/gates/**/*.test.ts"],
    testTimeout: 60_000,
    experimental: asNodeDoes,
};

const startSynapse = ["test/synapse/before-tests.ts"];

// What `npm run build` made, run without the sources: needs a build before it.
const smoke = {
    name: "smoke",
    include: ["test/smoke/**/*.test.ts"],
    globalSetup: startSynapse,
    testTimeout: 30_000,
    experimental: asNodeDoes,
};

const integration = {
    name: "integration",
    include: ["test/integration/**/*.test.ts"],
    exclude: [slowTests],
    globalSetup: startSynapse,
    isolate: false,
    testTimeout: 90_000,
    hookTimeout: 180_000,
    experimental: asNodeDoes,
};

// Hundreds of kills, long fuzzing, large stores: minutes each.
const slow = {
    name: "slow",
    include: [`{src,test}/${slowTests}`],
    globalSetup: startSynapse,
    testTimeout: 1_800_000,
    hookTimeout: 180_000,
    experimental: asNodeDoes,
};

export default defineConfig({
    test: {
        pool: "forks",
        maxWorkers: 2,
        // oxlint finds focused tests, but for those of stories.
        allowOnly: false,
        reporters: ["default", new SlowestTests(10)],
        projects: [{ test: unit }, { test: gates }, { test: smoke }, { test: integration }, { test: slow }],
    },
});
