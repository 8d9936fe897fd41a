import { Deserializer, Serializer } from "node:v8";
import { crc32 } from "node:zlib";
import { fault } from "./errors.ts";

/**
 * A structured clone as bytes: everything that HTML's structured clone takes, except platform objects
 * (`Blob`, `File`, `CryptoKey`, ...) and shared memory. Throws `DataCloneError`.
 */
export function serialize(value: unknown): Uint8Array {
    refuseUncovered(value, new Set());
    const serializer = new Serializer();
    try {
        serializer.writeHeader();
        serializer.writeValue(value);
    } catch (error) {
        throw error instanceof Error && /clone/i.test(error.message)
            ? fault("DataCloneError", error.message, error)
            : error;
    }
    return serializer.releaseBuffer();
}

export function deserialize(bytes: Uint8Array): unknown {
    const deserializer = new Deserializer(bytes);
    deserializer.readHeader();
    return deserializer.readValue();
}

/** The checksum that is kept beside a value, so that a flipped bit is found instead of handed out. */
export function checksum(bytes: Uint8Array): number {
    return crc32(bytes);
}

// Platform objects look like empty objects to V8's serializer: they would be stored as {} without a word.
function refuseUncovered(value: unknown, seen: Set<object>): void {
    if (typeof value !== "object" || value === null) return;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (Array.isArray(value)) {
        if (!value.some((item) => typeof item === "object" && item !== null) || seen.has(value)) return;
        seen.add(value);
        for (const item of value) refuseUncovered(item, seen);
    } else if (prototype === Object.prototype || prototype === null) {
        if (seen.has(value)) return;
        seen.add(value);
        for (const item of Object.values(value)) refuseUncovered(item, seen);
    } else {
        refuseSpecial(value, seen);
    }
}

function refuseSpecial(value: object, seen: Set<object>): void {
    if (seen.has(value) || ArrayBuffer.isView(value)) return;
    seen.add(value);
    if (value instanceof Map) for (const pair of value) for (const item of pair) refuseUncovered(item, seen);
    else if (value instanceof Set) for (const item of value) refuseUncovered(item, seen);
    else if (isPlatformObject(value)) {
        throw fault(
            "DataCloneError",
            `A ${value.constructor.name} cannot be stored: this IndexedDB does not cover platform objects.`,
        );
    } else for (const item of Object.values(value)) refuseUncovered(item, seen);
}

function isPlatformObject(value: object): boolean {
    const tag: unknown = Reflect.get(value, Symbol.toStringTag);
    return (
        value instanceof Blob ||
        value instanceof DOMException ||
        tag === "CryptoKey" ||
        tag === "KeyObject" ||
        tag === "MessagePort"
    );
}
