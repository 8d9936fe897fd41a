import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeKeyFile } from "./index.ts";

let folder: string;

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "key-file-"));
});

afterEach(() => {
    rmSync(folder, { recursive: true });
});

test("a key file is its owner's alone, and nothing else is left, whatever a killed process left before", () => {
    writeFileSync(join(folder, "store-key.new"), "half a k");
    writeKeyFile(join(folder, "store-key"), "a key\n");
    expect(readdirSync(folder)).toEqual(["store-key"]);
    expect(readFileSync(join(folder, "store-key"), "utf8")).toBe("a key\n");
    expect(statSync(join(folder, "store-key")).mode & 0o777).toBe(0o600);
});

test("where it cannot be written it throws, and nothing has its name", () => {
    expect(() => writeKeyFile(join(folder, "missing", "store-key"), "a key")).toThrow("ENOENT");
    expect(readdirSync(folder)).toEqual([]);
});
