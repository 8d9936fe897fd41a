import { fault } from "./errors.ts";
import { decodeKey, encodeKey, type ValidKey } from "./key.ts";

/** Encoded keys `low <= key < high`; every range of keys can be written so. */
export interface Span {
    readonly low: Uint8Array;
    readonly high: Uint8Array;
    /** The one key, if it is one. */
    readonly only?: Uint8Array;
}

/** The first position behind the key and everything that starts with it. */
export function after(key: Uint8Array): Uint8Array {
    const bytes = Buffer.allocUnsafe(key.length + 1);
    bytes.set(key);
    bytes[key.length] = 0xff;
    return bytes;
}

export function everything(): Span {
    return { low: new Uint8Array(), high: Uint8Array.of(0xff) };
}

/** Indexed Database API 3.0, section 4.7. */
export class IDBKeyRange {
    readonly lowerOpen: boolean;
    readonly upperOpen: boolean;
    readonly #lower: Uint8Array | undefined;
    readonly #upper: Uint8Array | undefined;

    constructor(lower: Uint8Array | undefined, upper: Uint8Array | undefined, lowerOpen: boolean, upperOpen: boolean) {
        this.#lower = lower;
        this.#upper = upper;
        this.lowerOpen = lowerOpen;
        this.upperOpen = upperOpen;
    }

    static only(value: unknown): IDBKeyRange {
        const key = encodeKey(value);
        return new IDBKeyRange(key, key, false, false);
    }

    static lowerBound(lower: unknown, open: unknown = false): IDBKeyRange {
        return new IDBKeyRange(encodeKey(lower), undefined, Boolean(open), true);
    }

    static upperBound(upper: unknown, open: unknown = false): IDBKeyRange {
        return new IDBKeyRange(undefined, encodeKey(upper), true, Boolean(open));
    }

    static bound(lower: unknown, upper: unknown, lowerOpen: unknown = false, upperOpen: unknown = false): IDBKeyRange {
        const [low, high] = [encodeKey(lower), encodeKey(upper)];
        const order = Buffer.compare(low, high);
        if (order > 0) throw fault("DataError", "The lower key is greater than the upper key.");
        if (order === 0 && (lowerOpen || upperOpen))
            throw fault("DataError", "An open range with equal bounds is empty.");
        return new IDBKeyRange(low, high, Boolean(lowerOpen), Boolean(upperOpen));
    }

    /** The span of a query: a key, a range, or (unless `required`) nothing, which is everything. */
    static span(query: unknown, required: boolean): Span {
        if (query instanceof IDBKeyRange) return query.#span();
        if (query === undefined || query === null) {
            if (required) throw fault("DataError", "A key or a key range is required.");
            return everything();
        }
        const key = encodeKey(query);
        return { low: key, high: after(key), only: key };
    }

    get lower(): ValidKey | undefined {
        return this.#lower && decodeKey(this.#lower);
    }

    get upper(): ValidKey | undefined {
        return this.#upper && decodeKey(this.#upper);
    }

    includes(key: unknown): boolean {
        const bytes = encodeKey(key);
        const { low, high } = this.#span();
        return Buffer.compare(low, bytes) <= 0 && Buffer.compare(bytes, high) < 0;
    }

    #span(): Span {
        const { low, high } = everything();
        return {
            low: this.#lower === undefined ? low : this.lowerOpen ? after(this.#lower) : this.#lower,
            high: this.#upper === undefined ? high : this.upperOpen ? this.#upper : after(this.#upper),
        };
    }
}
