const newline = 0x0a;

/** Reads a stream of bytes by lines and by counts, in turn, holding one piece of it at a time. */
export class ByteReader {
    readonly #source: AsyncIterator<Uint8Array>;
    readonly #onRead: (bytes: Uint8Array) => void;
    #rest: Uint8Array = new Uint8Array();

    /** @param onRead is given every byte once, in order, when it is handed out */
    constructor(source: AsyncIterable<Uint8Array>, onRead: (bytes: Uint8Array) => void) {
        this.#source = source[Symbol.asyncIterator]();
        this.#onRead = onRead;
    }

    /**
     * The next line without its newline; undefined if the stream ends before one, or it is longer than `limit` bytes.
     */
    async line(limit: number): Promise<string | undefined> {
        const parts: Uint8Array[] = [];
        for (let length = 0; length <= limit;) {
            if (!(await this.#fill())) return undefined;
            const end = this.#rest.indexOf(newline);
            const part = this.#take(end < 0 ? this.#rest.length : end + 1);
            parts.push(part);
            length += part.length;
            if (end >= 0) return Buffer.concat(parts).toString("utf8").slice(0, -1);
        }
        return undefined;
    }

    /** Between one and `most` bytes; undefined at the end. */
    async some(most: number): Promise<Uint8Array | undefined> {
        return (await this.#fill()) ? this.#take(Math.min(most, this.#rest.length)) : undefined;
    }

    async close(): Promise<void> {
        await this.#source.return?.();
    }

    async #fill(): Promise<boolean> {
        while (this.#rest.length === 0) {
            const next = await this.#source.next();
            if (next.done === true) return false;
            this.#rest = next.value;
        }
        return true;
    }

    #take(length: number): Uint8Array {
        const taken = this.#rest.subarray(0, length);
        this.#rest = this.#rest.subarray(length);
        this.#onRead(taken);
        return taken;
    }
}
