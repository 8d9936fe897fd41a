import { setTimeout as pause } from "node:timers/promises";

/**
 * Waits for a condition: asks `probe` again and again until it answers something other than undefined and false.
 * Throws, naming `what`, after `limitMs` milliseconds.
 */
export async function until<T>(
    what: string,
    probe: () => T | Promise<T>,
    { limitMs = 30_000, everyMs = 50 } = {},
): Promise<Exclude<T, undefined | false>> {
    const end = Date.now() + limitMs;
    for (;;) {
        const answer = await probe();
        if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
        if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
        await pause(everyMs);
    }
}
