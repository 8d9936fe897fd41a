import { monitorEventLoopDelay } from "node:perf_hooks";
import { executable } from "./stage.ts";

// The bot as it is shipped, with a clock on its main thread: SIGUSR2 has it print the 99th percentile of the delay
// since the last one. A clock of one millisecond slows down what it measures.
const resolution = 10;
const delay = monitorEventLoopDelay({ resolution });
delay.enable();
process.on("SIGUSR2", () => {
    console.log(`lag ${Math.max(0, delay.percentile(99) / 1e6 - resolution).toFixed(1)}`);
    delay.reset();
});
process.argv[1] = executable;
await import(executable);
