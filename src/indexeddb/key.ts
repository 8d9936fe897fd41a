import { fault } from "./errors.ts";

/**
 * Keys as byte strings whose `memcmp` order is the key order of Indexed Database API 3.0, section 2.4
 * (number < date < string < binary < array). No encoded key is a prefix of another, so two of them may be
 * written one after the other and still compare as a pair: index entries are (index key, primary key).
 */
export type ValidKey = number | string | Date | ArrayBuffer | ValidKey[];

const tag = { end: 0x00, number: 0x10, date: 0x20, string: 0x30, binary: 0x40, array: 0x50 } as const;

const escape = 0x01;
// Printable or not, but ASCII, and neither 0x00 nor 0x01.
// eslint-disable-next-line no-control-regex -- the control characters are meant
const plain = /^[\x02-\x7f]*$/;

/** Throws `DataError` if the value is not a valid key. */
export function encodeKey(value: unknown): Uint8Array {
    const key = tryEncodeKey(value);
    if (key === undefined) throw fault("DataError", "The parameter is not a valid key.");
    return key;
}

/** `undefined` if the value is not a valid key; what a getter of an array throws is thrown on. */
export function tryEncodeKey(value: unknown): Uint8Array | undefined {
    const writer = new KeyWriter();
    return writer.write(value, []) ? writer.bytes() : undefined;
}

export function decodeKey(bytes: Uint8Array): ValidKey {
    return new KeyReader(bytes).read();
}

/** The two keys of an index entry. */
export function decodePair(bytes: Uint8Array): { key: ValidKey; primaryKey: ValidKey; split: number } {
    const reader = new KeyReader(bytes);
    const key = reader.read();
    const split = reader.offset;
    return { key, primaryKey: reader.read(), split };
}

class KeyWriter {
    #buffer = Buffer.allocUnsafe(128);
    #length = 0;

    bytes(): Uint8Array {
        return this.#buffer.subarray(0, this.#length);
    }

    write(value: unknown, outer: readonly unknown[]): boolean {
        if (typeof value === "string") return this.#string(value);
        if (typeof value === "number") return this.#number(tag.number, value);
        if (value instanceof Date) return this.#number(tag.date, value.getTime());
        if (value instanceof ArrayBuffer) return this.#binary(value, 0, value.byteLength);
        if (ArrayBuffer.isView(value)) return this.#binary(value.buffer, value.byteOffset, value.byteLength);
        if (Array.isArray(value)) return this.#array(value, outer);
        return false;
    }

    #number(kind: number, value: number): boolean {
        if (Number.isNaN(value)) return false;
        const at = this.#grow(9);
        this.#buffer[at] = kind;
        this.#buffer.writeDoubleBE(value === 0 ? 0 : value, at + 1);
        // Positive numbers above negative ones; negative ones the other way round.
        if (value < 0) for (let i = at + 1; i < at + 9; i++) this.#buffer[i] = ~(this.#buffer[i] ?? 0);
        else this.#buffer[at + 1] = (this.#buffer[at + 1] ?? 0) | 0x80;
        return true;
    }

    // UTF-16 code units. Most are ASCII and stand for themselves; 0x00, which ends the string, and 0x01 are written as
    // 0x01 and one more byte, and the others as two or three bytes, of which the first is above all ASCII.
    #string(value: string): boolean {
        let at = this.#grow(value.length * 3 + 2);
        const buffer = this.#buffer;
        buffer[at++] = tag.string;
        if (plain.test(value)) {
            at += buffer.write(value, at, "latin1");
            buffer[at++] = tag.end;
            this.#length = at;
            return true;
        }
        for (let i = 0; i < value.length; i++) {
            const unit = value.charCodeAt(i);
            if (unit < 0x80) {
                if (unit <= escape) buffer[at++] = escape;
                buffer[at++] = unit <= escape ? unit + 1 : unit;
            } else if (unit < 0x80 + 0x4000) {
                buffer[at++] = 0x80 | ((unit - 0x80) >> 8);
                buffer[at++] = (unit - 0x80) & 0xff;
            } else {
                buffer[at++] = 0xc0 | (unit >> 10);
                buffer[at++] = (unit >> 2) & 0xff;
                buffer[at++] = (unit & 3) << 6;
            }
        }
        buffer[at++] = tag.end;
        this.#length = at;
        return true;
    }

    // 0x00 is written as 0x00 0xff; 0x00 0x00 ends the bytes.
    #binary(buffer: ArrayBufferLike, offset: number, length: number): boolean {
        if (buffer instanceof ArrayBuffer ? buffer.detached : true) return false;
        const bytes = new Uint8Array(buffer, offset, length);
        let at = this.#grow(length * 2 + 3);
        this.#buffer[at++] = tag.binary;
        for (const byte of bytes) {
            this.#buffer[at++] = byte;
            if (byte === 0) this.#buffer[at++] = 0xff;
        }
        this.#buffer[at++] = 0;
        this.#buffer[at++] = 0;
        this.#length = at;
        return true;
    }

    #array(value: readonly unknown[], outer: readonly unknown[]): boolean {
        if (outer.includes(value)) return false;
        this.#byte(tag.array);
        const seen = [...outer, value];
        for (let i = 0; i < value.length; i++) {
            if (!Object.hasOwn(value, i) || !this.write(value[i], seen)) return false;
        }
        this.#byte(tag.end);
        return true;
    }

    #byte(value: number): void {
        const at = this.#grow(1);
        this.#buffer[at] = value;
    }

    /** Makes room for so many bytes and returns where they start. */
    #grow(count: number): number {
        const start = this.#length;
        if (start + count > this.#buffer.length) {
            const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, start + count));
            this.#buffer.copy(larger, 0, 0, start);
            this.#buffer = larger;
        }
        this.#length += count;
        return start;
    }
}

class KeyReader {
    offset = 0;
    readonly #bytes: Uint8Array;

    constructor(bytes: Uint8Array) {
        this.#bytes = bytes;
    }

    read(): ValidKey {
        const kind = this.#next();
        switch (kind) {
            case tag.number:
                return this.#number();
            case tag.date:
                return new Date(this.#number());
            case tag.string:
                return this.#string();
            case tag.binary:
                return this.#binary();
            case tag.array:
                return this.#array();
            default:
                throw fault("UnknownError", `A stored key is damaged (tag ${kind}).`);
        }
    }

    #next(): number {
        const byte = this.#bytes[this.offset++];
        if (byte === undefined) throw fault("UnknownError", "A stored key is damaged (it ends too early).");
        return byte;
    }

    #number(): number {
        const copy = new DataView(new ArrayBuffer(8));
        const negative = ((this.#bytes[this.offset] ?? 0) & 0x80) === 0;
        for (let i = 0; i < 8; i++) {
            const byte = this.#next();
            copy.setUint8(i, negative ? ~byte & 0xff : i === 0 ? byte & 0x7f : byte);
        }
        return copy.getFloat64(0);
    }

    #string(): string {
        const start = this.offset;
        let byte = this.#next();
        while (byte > escape && byte < 0x80) byte = this.#next();
        const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, this.offset - 1 - start).toString(
            "latin1",
        );
        return byte === tag.end ? text : text + this.#rest(byte);
    }

    #rest(first: number): string {
        const units: string[] = [];
        for (let lead = first; lead !== tag.end; lead = this.#next()) {
            if (lead === escape) units.push(String.fromCharCode(this.#next() - 1));
            else if (lead < 0x80) units.push(String.fromCharCode(lead));
            else if (lead < 0xc0) units.push(String.fromCharCode((((lead & 0x3f) << 8) | this.#next()) + 0x80));
            else units.push(String.fromCharCode(((lead & 0x3f) << 10) | (this.#next() << 2) | (this.#next() >> 6)));
        }
        return units.join("");
    }

    #binary(): ArrayBuffer {
        const bytes: number[] = [];
        for (;;) {
            const byte = this.#next();
            if (byte === 0 && this.#next() === 0) return Uint8Array.from(bytes).buffer;
            bytes.push(byte);
        }
    }

    #array(): ValidKey[] {
        const keys: ValidKey[] = [];
        while (this.#bytes[this.offset] !== tag.end) keys.push(this.read());
        this.offset++;
        return keys;
    }
}
