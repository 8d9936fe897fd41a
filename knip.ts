import type { KnipConfig } from "knip";

const config: KnipConfig = {
    entry: [
        // Started by path, not imported. What scripts in package.json start is known by itself, if no option stands
        // before it.
        "src/main.ts",
        "src/crypto/worker.ts",
        "src/crypto/machine/testing/fixtures/make.ts",
        "src/bot/testing/fixtures/make.ts",
        "test/clients/client-process.ts",
        "test/bot/moved-clock.ts",
        "test/bot/planted-fault.ts",
        "bench/peer.ts",
        "bench/watched-bot.ts",
        "bench/store-subject.ts",
        "bench/store-worker.ts",
    ],
    project: ["src/**/*.ts", "test/**/*.ts", "demo/**/*.ts", "bench/**/*.ts"],
    ignoreDependencies: [
        // Replaced by local stubs, required by matrix-bot-sdk (docs/decisions/dependencies.md).
        "@matrix-org/matrix-sdk-crypto-nodejs",
        "request",
        "request-promise",
    ],
    // Small and failing disks for tests, where the user may mount them.
    ignoreBinaries: ["mount", "umount", "findmnt", "chattr", "e2fsck", "unshare"],
    // Interfaces of a folder's index are its public surface: a type nobody imports by name today still names what a function answers.
    exclude: ["types"],
};

export default config;
