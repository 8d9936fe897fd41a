/** Bytes. A room key has less than 1000; a chunk of entries without bounds would not fit into one request. */
const longestEntry = 16_384;
/** A room key has two levels; far deeper ones cannot be handed from thread to thread. */
const deepestEntry = 64;
const byteOrderMark: readonly number[] = [0xef, 0xbb, 0xbf];

/** What stands in the list; undefined for what is far larger than any room key, and was not kept. */
export type ListEntry = object | undefined;

/** What has to come next between two entries. */
type Expected = "[" | "an entry or ]" | "an entry" | ", or ]" | "nothing more";

/** What is read is no JSON list of objects; the message says where. */
export class NotAList extends Error {}

const [space, tab, lineFeed, carriageReturn] = [0x20, 0x09, 0x0a, 0x0d];
const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Reads a JSON list of objects piece by piece and holds one entry of it at a time: it looks for the ends of entries
 * only, and leaves each of them to `JSON.parse`.
 */
export class JsonListReader {
    #expects: Expected = "[";
    /** Brackets that are open in the entry under way; 0 between entries. */
    #depth = 0;
    #inString = false;
    #escaped = false;
    #parts: Uint8Array[] = [];
    #length = 0;
    #outOfBounds = false;
    /** Entries that began, and bytes before the piece under way. */
    #entries = 0;
    #before = 0;

    /** The entries that end in this piece. The piece may be used for something else afterwards. @throws NotAList */
    *take(piece: Uint8Array): Generator<ListEntry, void, undefined> {
        let start = 0;
        for (const [at, byte] of piece.entries()) {
            if (this.#depth > 0) {
                this.#inside(byte);
                if (this.#depth === 0) yield this.#finish(piece.subarray(start, at + 1));
            } else if (byte !== space && byte !== lineFeed && byte !== carriageReturn && byte !== tab) {
                this.#between(byte, this.#before + at);
                start = at;
            }
        }
        if (this.#depth > 0) this.#keep(Uint8Array.from(piece.subarray(start)));
        this.#before += piece.length;
    }

    /** @throws NotAList if the list is not whole */
    end(): void {
        if (this.#expects === "nothing more") return;
        throw new NotAList(this.#before === 0 ? "it is empty" : `it ends within the list, after ${this.#before} bytes`);
    }

    #between(byte: number, at: number): void {
        const next = this.#after(byte);
        if (next === undefined) throw new NotAList(`at byte ${at + 1} there should be ${this.#expects}`);
        this.#expects = next;
    }

    /** What may follow a byte that stands between entries; undefined if it may not stand there. */
    #after(byte: number): Expected | undefined {
        switch (this.#expects) {
            case "[":
                if (byteOrderMark.includes(byte)) return "[";
                return byte === openList ? "an entry or ]" : undefined;
            case "an entry or ]":
            case "an entry":
                if (byte === closeList && this.#expects === "an entry or ]") return "nothing more";
                if (byte !== openObject) throw new NotAList(`its entry ${this.#entries + 1} is no object`);
                this.#entries += 1;
                this.#depth = 1;
                return ", or ]";
            case ", or ]":
                if (byte === comma) return "an entry";
                return byte === closeList ? "nothing more" : undefined;
            case "nothing more":
                return undefined;
        }
    }

    #inside(byte: number): void {
        if (this.#inString) {
            if (this.#escaped) this.#escaped = false;
            else if (byte === backslash) this.#escaped = true;
            else if (byte === quote) this.#inString = false;
        } else if (byte === quote) this.#inString = true;
        else if (byte === openObject || byte === openList) this.#depth += 1;
        else if (byte === closeObject || byte === closeList) this.#depth -= 1;
        if (this.#depth > deepestEntry) this.#outOfBounds = true;
    }

    #keep(part: Uint8Array): void {
        this.#length += part.length;
        this.#outOfBounds ||= this.#length > longestEntry;
        if (this.#outOfBounds) this.#parts = [];
        else this.#parts.push(part);
    }

    #finish(lastPart: Uint8Array): ListEntry {
        this.#keep(lastPart);
        const [bytes, outOfBounds] = [Buffer.concat(this.#parts), this.#outOfBounds];
        [this.#parts, this.#length, this.#outOfBounds] = [[], 0, false];
        return outOfBounds ? undefined : this.#parse(bytes.toString("utf8"));
    }

    #parse(json: string): object {
        try {
            const entry: unknown = JSON.parse(json);
            if (typeof entry === "object" && entry !== null) return entry;
        } catch {
            // What the parser says quotes what is there: it may be a key.
        }
        throw new NotAList(`its entry ${this.#entries} is no JSON`);
    }
}
