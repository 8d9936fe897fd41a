import { fault } from "./errors.ts";
import { tryEncodeKey, type ValidKey } from "./key.ts";

export type KeyPath = string | readonly string[];

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** Indexed Database API 3.0, section 2.5; throws `SyntaxError`. */
export function parseKeyPath(value: unknown): KeyPath {
    if (Array.isArray(value)) {
        const paths = value.map(String);
        if (paths.length === 0 || !paths.every(validPath)) throw invalid();
        return Object.freeze(paths);
    }
    const path = String(value);
    if (!validPath(path)) throw invalid();
    return path;
}

function validPath(path: string): boolean {
    return path === "" || path.split(".").every((part) => identifier.test(part));
}

function invalid(): DOMException {
    return fault("SyntaxError", "The key path is not a valid key path.");
}

/** What the key path leads to in a value that was cloned; `undefined` if it leads nowhere (section 7.1). */
export function follow(value: unknown, path: KeyPath): unknown {
    if (typeof path === "string") return followOne(value, path);
    const found = path.map((part) => followOne(value, part));
    return found.includes(undefined) ? undefined : found;
}

function followOne(value: unknown, path: string): unknown {
    if (path === "") return value;
    let at = value;
    for (const name of path.split(".")) {
        if (typeof at === "string" && name === "length") at = at.length;
        else if (typeof at === "object" && at !== null && Object.hasOwn(at, name)) at = Reflect.get(at, name);
        else return undefined;
    }
    return at;
}

/** The encoded keys under which an index files a value: none, one, or with `multiEntry` many, all different. */
export function indexKeys(value: unknown, path: KeyPath, multiEntry: boolean): Uint8Array[] {
    const found = follow(value, path);
    if (!multiEntry || !Array.isArray(found)) {
        const key = tryEncodeKey(found);
        return key === undefined ? [] : [key];
    }
    const keys = new Map<string, Uint8Array>();
    for (const item of found) {
        const key = tryEncodeKey(item);
        if (key !== undefined) keys.set(Buffer.from(key).toString("latin1"), key);
    }
    return [...keys.values()];
}

/** Whether a generated key could be put at the path (section 7.2): only plain objects and arrays keep it. */
export function canInject(value: unknown, path: string): boolean {
    const names = path.split(".");
    names.pop();
    let at = value;
    for (const name of names) {
        if (!isContainer(at)) return false;
        if (!Object.hasOwn(at, name)) return true;
        at = Reflect.get(at, name);
    }
    return isContainer(at);
}

function isContainer(value: unknown): value is object {
    return (
        Array.isArray(value) ||
        (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    );
}

/** Puts the key at the path, making objects on the way. */
export function inject(value: unknown, path: string, key: ValidKey): void {
    const names = path.split(".");
    const last = names.pop() ?? "";
    if (!isContainer(value)) return;
    let at = value;
    for (const name of names) {
        if (!Object.hasOwn(at, name)) define(at, name, {});
        const next: unknown = Reflect.get(at, name);
        if (!isContainer(next)) return;
        at = next;
    }
    define(at, last, key);
}

function define(target: object, name: string, value: unknown): void {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}
