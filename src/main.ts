#!/usr/bin/env node
// Nothing is imported statically: an older Node has to come as far as the sentence that says what to do.
const oldest = 24;

if (Number.parseInt(process.versions.node, 10) < oldest) {
    process.stderr.write(
        `backscroll: this is Node ${process.versions.node}, and Backscroll needs Node ${oldest} or newer.\n` +
            "Start it with `npm start` or `npx backscroll` in its folder (npm ci has put a Node 24 there), use the container image, or install Node 24.\n",
    );
    process.exitCode = 78;
} else {
    // Until the bot takes its signals over: a stop that comes while the program is loaded is one like any other, and
    // process 1 of a container would not even notice it.
    if (process.argv.includes("run"))
        for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
    // Node would open its inspector, to every local user, at this signal. `--disable-sigusr1` does the same from the
    // first instant on, and not every older Node takes it.
    process.on("SIGUSR1", () => {});
    // Whatever is written is for its owner alone, also in a data folder that somebody else made.
    process.umask(0o077);
    // Compiled code is kept beside the program, never in a folder that others can write to; where ours cannot be
    // written, nothing is kept.
    const { enableCompileCache } = await import("node:module");
    enableCompileCache(`${import.meta.dirname}/../.cache/compiled`);
    const { main } = await import("./cli/index.ts");
    process.exitCode = await main(process.argv.slice(2), { environment: process.env, workingDirectory: process.cwd() });
}
