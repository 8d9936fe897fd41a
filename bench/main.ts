import { parseArgs } from "node:util";
import type { Part } from "./stage.ts";

/**
 * The parts, in the order in which they run; each can be run alone: `npm run bench -- NAME... [--rounds N] [--sizes
 * N,N]`.
 */
const parts: Readonly<Record<string, () => Promise<Part>>> = {
    invites: async () => (await import("./small-room.ts")).smallRoom,
    commands: async () => (await import("./commands.ts")).commands,
    sharing: async () => (await import("./large-room.ts")).largeRoom,
    linear: async () => (await import("./linear.ts")).linear,
    watch: async () => (await import("./watch.ts")).watch,
    coverage: async () => (await import("./coverage.ts")).coverage,
    names: async () => (await import("./names.ts")).names,
    answers: async () => (await import("./answers.ts")).answers,
    store: async () => (await import("./store.ts")).store,
    restore: async () => (await import("./restore.ts")).restoring,
    import: async () => (await import("./import.ts")).importing,
};

const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: "string", default: "9" }, sizes: { type: "string", default: "1000,10000" } },
});
const sizes = values.sizes.split(",").map(Number);
const names = positionals.length === 0 ? Object.keys(parts) : positionals;
const unknown = names.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined) {
    console.error(`No part of the bench is called ${unknown}; there are ${Object.keys(parts).join(", ")}.`);
    process.exit(64);
}
for (const name of names) {
    const part = await parts[name]?.();
    await using disposal = new AsyncDisposableStack();
    await part?.({
        rounds: Number(values.rounds),
        sizes,
        disposal,
        progress: (text) => console.log(`… ${name}: ${text}`),
    });
}
