import { fault } from "./errors.ts";
import { decodeKey, decodePair, encodeKey, type ValidKey } from "./key.ts";
import type { IDBIndex } from "./indexes.ts";
import { follow } from "./keypath.ts";
import type { IDBObjectStore } from "./objectstore.ts";
import { after, type Span } from "./range.ts";
import { type Row, valueOf } from "./entries.ts";
import type { IDBRequest, Request } from "./request.ts";
import type { Reader } from "./source.ts";
import { storeRecord, deleteRecords } from "./write.ts";
import { deserialize, serialize } from "./value.ts";

export type Direction = "next" | "nextunique" | "prev" | "prevunique";

export function toDirection(value: unknown): Direction {
    if (value === "next" || value === "nextunique" || value === "prev" || value === "prevunique") return value;
    throw new TypeError(`"${String(value)}" is not a direction of a cursor.`);
}

/** So many rows are read at once where nobody can write meanwhile: one by one costs a third more. */
const readAhead = 32;

/** A place in a store or an index that moves over the records (section 2.10). */
export class Cursor {
    readonly reader: Reader;
    readonly request: Request;
    readonly direction: Direction;
    readonly facade: IDBCursor;
    key: ValidKey | undefined;
    primaryKey: ValidKey | undefined;
    value: unknown;

    readonly #withValue: boolean;
    #span: Span;
    /** The encoded position, and of an index the length of its first part. */
    #position = new Uint8Array();
    #split = 0;
    #hasValue = false;
    /** Rows that follow the position, in a reading transaction. */
    #ahead: Row[] = [];

    constructor(reader: Reader, request: Request, span: Span, direction: Direction, withValue: boolean) {
        this.reader = reader;
        this.request = request;
        this.direction = direction;
        this.#span = span;
        this.#withValue = withValue;
        this.facade = withValue ? new IDBCursorWithValue(this) : new IDBCursor(this);
    }

    first(): IDBCursor | null {
        return this.#moveTo(this.#find(this.#span));
    }

    /** Moves on `count` times. */
    advance(count: number): void {
        if (!(count >= 1 && count <= 0xffff_ffff))
            throw new TypeError("The count is not a number from 1 to 4294967295.");
        this.requireMovable();
        this.#go(() => {
            for (let i = 1; i < count; i++) if (this.#moveTo(this.#next()) === null) return null;
            return this.#moveTo(this.#next());
        });
    }

    continue(key: unknown): void {
        this.requireMovable();
        if (key === undefined) return this.#go(() => this.#moveTo(this.#next()));
        const target = encodeKey(key);
        const order = Buffer.compare(target, this.#position.subarray(0, this.#split));
        if (this.#forward ? order <= 0 : order >= 0)
            throw fault("DataError", "The key does not lie ahead of the cursor.");
        this.#go(() => this.#moveTo(this.#find(this.#narrow(target, after(target)))));
    }

    continuePrimaryKey(key: unknown, primaryKey: unknown): void {
        this.reader.transaction.requireActive();
        this.reader.requireExisting();
        if (this.reader.source.kind !== "index" || this.direction.endsWith("unique")) {
            throw fault("InvalidAccessError", "continuePrimaryKey() is for cursors over an index, without unique.");
        }
        this.requireMovable();
        const target = Buffer.concat([encodeKey(key), encodeKey(primaryKey)]);
        const order = Buffer.compare(target, this.#position);
        if (this.#forward ? order <= 0 : order >= 0)
            throw fault("DataError", "The keys do not lie ahead of the cursor.");
        this.#go(() => this.#moveTo(this.#find(this.#narrow(target, after(target)))));
    }

    update(value: unknown): IDBRequest {
        this.#requireWritable();
        const { store, transaction } = this.reader;
        const bytes = transaction.whileInactive(() => serialize(value));
        const primary = this.#primaryPosition();
        if (store.keyPath !== null) {
            const found = encodeKey(follow(deserialize(bytes), store.keyPath));
            if (Buffer.compare(found, primary) !== 0)
                throw fault("DataError", "The value has another key than the cursor.");
        }
        return this.#write(() => {
            storeRecord(transaction, store, primary, bytes, true);
            return decodeKey(primary);
        });
    }

    delete(): IDBRequest {
        this.#requireWritable();
        const { store, transaction } = this.reader;
        const primary = this.#primaryPosition();
        return this.#write(() =>
            deleteRecords(transaction, store, { low: primary, high: after(primary), only: primary }),
        );
    }

    requireMovable(): void {
        this.reader.transaction.requireActive();
        this.reader.requireExisting();
        if (!this.#hasValue) throw fault("InvalidStateError", "The cursor is moving, or has come to its end.");
    }

    #requireWritable(): void {
        this.reader.transaction.requireWritable();
        this.reader.requireExisting();
        if (!this.#hasValue || !this.#withValue) throw fault("InvalidStateError", "The cursor has no value to change.");
    }

    #write(run: () => unknown): IDBRequest {
        return this.reader.requestFrom(this.facade, run);
    }

    get #forward(): boolean {
        return this.direction.startsWith("next");
    }

    #primaryPosition(): Uint8Array {
        return this.reader.source.kind === "store" ? this.#position : this.#position.subarray(this.#split);
    }

    #go(move: () => IDBCursor | null): void {
        this.#hasValue = false;
        this.request.done = false;
        this.reader.transaction.place(this.request, move);
    }

    /** What lies ahead of the position. */
    #rest(): Span {
        const unique = this.direction.endsWith("unique");
        const passed = unique ? this.#position.subarray(0, this.#split) : this.#position;
        return this.#narrow(after(passed), passed);
    }

    /** What lies ahead and not before `low` (forwards) or not behind `high` (backwards). */
    #narrow(low: Uint8Array, high: Uint8Array): Span {
        return this.#forward
            ? { low: Buffer.compare(low, this.#span.low) > 0 ? low : this.#span.low, high: this.#span.high }
            : { low: this.#span.low, high: Buffer.compare(high, this.#span.high) < 0 ? high : this.#span.high };
    }

    #next(): Row | undefined {
        const { source, transaction } = this.reader;
        if (transaction.writes || this.direction !== "next") return this.#find(this.#rest());
        if (this.#ahead.length === 0) this.#ahead = transaction.engine.records.rows(source, this.#rest(), readAhead);
        return this.#ahead.shift();
    }

    #find(span: Span): Row | undefined {
        this.#ahead = [];
        const { source, transaction } = this.reader;
        const { records } = transaction.engine;
        const row = records.first(source, span, this.#forward ? "ascending" : "descending");
        if (row === undefined || source.kind === "store" || this.direction !== "prevunique") return row;
        // Backwards and unique: of the records with this index key, the first one.
        const key = row.key.subarray(0, decodePair(row.key).split);
        return records.first(source, { low: key, high: after(key) }, "ascending");
    }

    #moveTo(row: Row | undefined): IDBCursor | null {
        if (row === undefined) {
            this.key = this.primaryKey = this.value = undefined;
            return null;
        }
        this.#position = Uint8Array.from(row.key);
        if (this.reader.source.kind === "store") {
            this.key = this.primaryKey = decodeKey(row.key);
            this.#split = row.key.length;
        } else {
            const pair = decodePair(row.key);
            [this.key, this.primaryKey, this.#split] = [pair.key, pair.primaryKey, pair.split];
        }
        this.value = this.#withValue ? valueOf(row) : undefined;
        this.#hasValue = true;
        return this.facade;
    }
}

/** Indexed Database API 3.0, section 4.8. */
export class IDBCursor {
    readonly #cursor: Cursor;

    constructor(cursor: Cursor) {
        this.#cursor = cursor;
    }

    get source(): IDBObjectStore | IDBIndex {
        return this.#cursor.reader.facade;
    }

    get direction(): Direction {
        return this.#cursor.direction;
    }

    get key(): ValidKey | undefined {
        return this.#cursor.key;
    }

    get primaryKey(): ValidKey | undefined {
        return this.#cursor.primaryKey;
    }

    get request(): IDBRequest {
        return this.#cursor.request.facade;
    }

    advance(count: unknown): void {
        this.#cursor.advance(Math.trunc(Number(count)));
    }

    continue(key?: unknown): void {
        this.#cursor.continue(key);
    }

    continuePrimaryKey(key: unknown, primaryKey: unknown): void {
        this.#cursor.continuePrimaryKey(key, primaryKey);
    }

    update(value: unknown): IDBRequest {
        return this.#cursor.update(value);
    }

    delete(): IDBRequest {
        return this.#cursor.delete();
    }
}

export class IDBCursorWithValue extends IDBCursor {
    readonly #cursor: Cursor;

    constructor(cursor: Cursor) {
        super(cursor);
        this.#cursor = cursor;
    }

    get value(): unknown {
        return this.#cursor.value;
    }
}
