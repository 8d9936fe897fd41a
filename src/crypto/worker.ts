import { parentPort, workerData } from "node:worker_threads";
import { createIndexedDB } from "../indexeddb/index.ts";
import { keepGarbageSmall } from "./garbage.ts";
import { serve } from "./machine/serve.ts";
import { workerStart } from "./rpc.ts";

/**
 * The crypto worker's thread. It has no handler for uncaught exceptions on purpose: a panic of the machine is one,
 * and must end the thread, and with it the process.
 */
if (parentPort === null) throw new Error("This file is the body of a worker thread.");
keepGarbageSmall();
await serve(parentPort, workerStart.parse(workerData), (path) => createIndexedDB({ path }));
