const first = 2_000;
const longest = 15 * 60_000;

/**
 * When a failed attempt is made again: doubling from 2 s to 15 min, with full jitter over the upper half.
 * @param attempts how many have failed before this one
 * @param random in [0, 1)
 * @param notBefore milliseconds from now before which the server does not want to be asked
 * @returns milliseconds from now
 */
export function retryDelay(attempts: number, random: number, notBefore = 0): number {
    const ceiling = Math.min(longest, first * 2 ** Math.min(attempts, 20));
    return Math.max(notBefore, Math.round(ceiling / 2 + (ceiling / 2) * random));
}
