import { readFileSync } from "node:fs";

const largest = 1_048_576;

/** Reads a small UTF-8 text. What can be wrong with a file is an answer, to stand behind "a file that". */
export function readSmallFile(
    path: string,
): { readonly text: string } | { readonly fault: string; readonly code: string } {
    try {
        const bytes = readFileSync(path);
        if (bytes.length > largest) return { fault: "is larger than 1 MiB", code: "TOO_LARGE" };
        return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
    } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        return { fault: faults[code] ?? "cannot be read", code };
    }
}

const faults: Readonly<Record<string, string>> = {
    ENOENT: "does not exist",
    ENOTDIR: "does not exist",
    EACCES: "this user may not read",
    EPERM: "this user may not read",
    EISDIR: "is a folder",
    ENAMETOOLONG: "does not exist: the name is too long",
    ERR_INVALID_ARG_VALUE: "cannot exist: the name has a zero byte",
    ERR_ENCODING_INVALID_ENCODED_DATA: "is not UTF-8 text",
};
