import type { CryptoChanges } from "../matrix/index.ts";

/** Tells whether a batch has something for the OlmMachine, so that a quiet one costs no commit of its store. */
export class CryptoNews {
    #counts: string | undefined;

    /** The first batch of a run always is: the key counts are not known yet. */
    isNews(changes: CryptoChanges): boolean {
        const { toDevice, deviceLists } = changes;
        const moved = toDevice.length > 0 || deviceLists.changed.length > 0 || deviceLists.left.length > 0;
        return moved || changes.fromStart === true || countsOf(changes) !== this.#counts;
    }

    received(changes: CryptoChanges): void {
        this.#counts = countsOf(changes);
    }
}

function countsOf({ oneTimeKeyCounts, unusedFallbackKeyTypes }: CryptoChanges): string {
    const counts = Object.entries(oneTimeKeyCounts).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([counts, unusedFallbackKeyTypes?.toSorted()]);
}
