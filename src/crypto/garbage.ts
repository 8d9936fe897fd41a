import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes that come on top of what the last look left. */
const mostGrowth = 12 * 1_048_576;
const everyMs = 250;

/**
 * Looks for garbage in this thread earlier than V8 would by itself: a long import makes it without end, most of it in
 * the buffers of IndexedDB's values, and V8 lets it grow to several times of what is used before it looks. Never keeps
 * the thread alive.
 */
export function keepGarbageSmall(): void {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (!isCollector(collect)) return;
    let left = size();
    setInterval(() => {
        if (size() - left < mostGrowth) return;
        collect();
        left = size();
    }, everyMs).unref();
}

const isCollector = (value: unknown): value is () => void => typeof value === "function";

function size(): number {
    const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
    return heap + buffers;
}
