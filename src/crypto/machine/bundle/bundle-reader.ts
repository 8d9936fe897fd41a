/** Bytes. A room key has less than 1000. */
const longestEntry = 16_384;
/** A bundle has five levels. */
const deepest = 64;
/** More than any honest bundle has: tiny entries would keep the worker busy for minutes. */
const mostEntries = 250_000;

const [quote, backslash] = [0x22, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const listNames = ["room_keys", "withheld"] as const;

export type BundleList = (typeof listNames)[number];

export interface ListedEntry {
    readonly list: BundleList;
    /** Undefined: far larger than any entry, and not kept. */
    readonly entry: unknown;
}

/** What is read is no room key bundle. */
export class NotABundle extends Error {}

/**
 * Reads the JSON of a room key bundle piece by piece and holds one entry of its lists at a time: it looks for the ends
 * of entries only, and leaves each of them to `JSON.parse`. Fields that it does not know are passed over. Source:
 * MSC4268, "Key bundle format".
 */
export class BundleReader {
    /** Brackets that are open. 1: in the bundle; 2: in one of its lists. */
    #depth = 0;
    #begun = false;
    #inString = false;
    #escaped = false;
    /** The last string in the bundle itself, as it is written: the name of the list that begins after it. */
    #name: number[] = [];
    #list: BundleList | undefined;
    #inEntry = false;
    #entries = 0;
    #parts: Uint8Array[] = [];
    #length = 0;

    /** The entries that end in this piece. @throws NotABundle */
    *take(piece: Uint8Array): Generator<ListedEntry, void, undefined> {
        let start = 0;
        for (const [at, byte] of piece.entries()) {
            if (this.#inString) {
                this.#inside(byte);
                continue;
            }
            switch (byte) {
                case quote:
                    this.#inString = true;
                    if (this.#depth === 1) this.#name = [];
                    break;
                case openObject:
                case openList:
                    if (this.#open(byte)) start = at;
                    break;
                case closeObject:
                case closeList:
                    if (this.#close() && this.#list !== undefined) {
                        this.#inEntry = false;
                        yield { list: this.#list, entry: this.#finish(piece.subarray(start, at + 1)) };
                    }
                    break;
                default:
                    if (this.#depth === 0 && byte > 0x20) throw new NotABundle("it is no JSON object");
            }
        }
        if (this.#inEntry) this.#keep(Uint8Array.from(piece.subarray(start)));
    }

    /** @throws NotABundle if the bundle is not whole */
    end(): void {
        if (!this.#begun || this.#depth > 0 || this.#inString) throw new NotABundle("it is not whole");
    }

    #inside(byte: number): void {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) {
            this.#inString = false;
            return;
        }
        if (this.#depth === 1 && this.#name.length < 32) this.#name.push(byte);
    }

    /** Answers whether an entry begins. */
    #open(byte: number): boolean {
        if (this.#depth === 0 && (this.#begun || byte !== openObject)) throw new NotABundle("it is no JSON object");
        if (this.#depth === deepest) throw new NotABundle("it is nested too deeply");
        this.#begun = true;
        this.#depth += 1;
        if (this.#depth === 2)
            this.#list =
                byte === openList ? listNames.find((name) => name === Buffer.from(this.#name).toString()) : undefined;
        if (this.#depth !== 3 || this.#list === undefined) return false;
        this.#inEntry = true;
        this.#entries += 1;
        if (this.#entries > mostEntries) throw new NotABundle("it lists too many entries");
        return true;
    }

    /** Answers whether an entry ends. */
    #close(): boolean {
        this.#depth -= 1;
        if (this.#depth < 0) throw new NotABundle("it is no JSON object");
        return this.#depth === 2 && this.#inEntry;
    }

    #keep(part: Uint8Array): void {
        this.#length += part.length;
        if (this.#length > longestEntry) this.#parts = [];
        else this.#parts.push(part);
    }

    #finish(lastPart: Uint8Array): unknown {
        this.#keep(lastPart);
        const bytes = this.#length > longestEntry ? undefined : Buffer.concat(this.#parts);
        [this.#parts, this.#length] = [[], 0];
        return bytes === undefined ? undefined : parse(bytes);
    }
}

function parse(json: Buffer): unknown {
    try {
        const entry: unknown = JSON.parse(json.toString("utf8"));
        return entry;
    } catch {
        // What the parser says quotes what is there: it may be a key.
        throw new NotABundle("one of its entries is no JSON");
    }
}
