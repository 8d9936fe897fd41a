import { Narrator } from "./narrator.ts";
import { play } from "./story.ts";

const narrator = new Narrator();
const stage = new AsyncDisposableStack();
let interrupted = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void leave());

try {
    const readAll = await play(narrator, stage);
    await stage.disposeAsync();
    narrator.chapter(
        readAll ? "Charlie read everything that was said before he came." : "Charlie could not read everything.",
    );
    process.exitCode = readAll ? 0 : 1;
} catch (cause) {
    // What breaks because the stage is being cleared is no news.
    if (!interrupted) {
        await stage.disposeAsync();
        narrator.wrong(cause instanceof Error ? cause.message : String(cause));
        process.exitCode = 1;
    }
}

async function leave(): Promise<void> {
    interrupted = true;
    narrator.chapter("Interrupted: cleaning up");
    await stage.disposeAsync();
    process.exit(130);
}
