import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { packSnapshot, unpackSnapshot } from "./index.ts";

const header = { version: "0.1.0", user_id: "@bot:home", device_id: "DEVICE", made_at: "2026-01-31T12:00:00.000Z" };
const key = Buffer.alloc(32, 7);
const contents = {
    "backscroll.sqlite": Buffer.alloc(1_300_000, "database "),
    "crypto.sqlite": Buffer.from("keys\nand more\n"),
};

let folder: string;
let target: string;
let whole: Buffer;

beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "backscroll-snapshot-"));
    target = mkdtempSync(join(tmpdir(), "backscroll-restored-"));
    for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(folder, name), bytes);
    whole = Buffer.concat(await Array.fromAsync(packSnapshot(folder, header, key)));
});
afterEach(() => {
    for (const path of [folder, target]) rmSync(path, { recursive: true });
});

/** A file arrives in pieces of any size. */
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let start = 0; start < bytes.length; start += size) {
        await Promise.resolve();
        yield bytes.subarray(start, start + size);
    }
}

test.each([7, 4_096, 700_000, 10_000_000])("comes out as it went in, in pieces of %d bytes", async (size) => {
    const unpacked = await unpackSnapshot(inPieces(whole, size), { folder: target, key, name: "FILE" });
    expect(unpacked.header).toEqual(header);
    expect(whole.toString("latin1")).toContain(unpacked.sha256);
    for (const [name, bytes] of Object.entries(contents))
        expect(readFileSync(join(target, name)).equals(bytes)).toBe(true);
});

test("a snapshot that was cut off anywhere is refused", async () => {
    const ends = [
        0,
        1,
        21,
        22,
        60,
        200,
        300,
        1_000_000,
        whole.length - 100,
        whole.length - 60,
        whole.length - 2,
        whole.length - 1,
    ];
    for (const end of ends) {
        const unpacking = unpackSnapshot(inPieces(whole.subarray(0, end), 65_536), {
            folder: target,
            key,
            name: "FILE",
        });
        await expect(unpacking, `cut at ${end}`).rejects.toMatchObject({ code: "snapshot_unreadable" });
        for (const name of readdirSync(target)) rmSync(join(target, name));
    }
});

test("a snapshot of which one bit was changed anywhere is refused", async () => {
    for (let place = 0; place < whole.length; place += 97_003) {
        const changed = Buffer.from(whole);
        changed.writeUInt8(changed.readUInt8(place) ^ 4, place);
        const unpacking = unpackSnapshot(inPieces(changed, 65_536), { folder: target, key, name: "FILE" });
        await expect(unpacking, `changed at ${place}`).rejects.toMatchObject({ code: "snapshot_unreadable" });
        for (const name of readdirSync(target)) rmSync(join(target, name));
    }
});

test("a snapshot that was changed, with its checksum made to fit, is refused, and so is one without a proof or of another key", async () => {
    const body = whole.subarray(0, whole.lastIndexOf("\n", -2) + 1);
    const forged = Buffer.from(body.toString("latin1").replace("database database", "database devilish"), "latin1");
    expect(forged).not.toEqual(body);
    const { hmac } = z.object({ hmac: z.string() }).parse(JSON.parse(whole.subarray(body.length).toString()));
    const ends = (sha256: string, more: object) =>
        Buffer.concat([forged, Buffer.from(`${JSON.stringify({ sha256, ...more })}\n`)]);
    const sha256 = createHash("sha256").update(forged).digest("hex");
    const refused = async (snapshot: Uint8Array, code: string, wanted = key): Promise<void> => {
        const unpacking = unpackSnapshot(inPieces(snapshot, 65_536), { folder: target, key: wanted, name: "FILE" });
        await expect(unpacking).rejects.toMatchObject({ code });
        for (const name of readdirSync(target)) rmSync(join(target, name));
    };
    await refused(ends(sha256, { hmac }), "snapshot_unproven");
    await refused(ends(sha256, { hmac: createHmac("sha256", "").update(sha256).digest("hex") }), "snapshot_unproven");
    await refused(ends(sha256, {}), "snapshot_unreadable");
    await refused(whole, "snapshot_unproven", Buffer.alloc(32, 8));
});

test.each([
    ["something else", "not a snapshot", /not a snapshot of Backscroll/],
    ["a newer format", "backscroll snapshot 2\n{}\n", /newer Backscroll/],
    [
        "a file of another name",
        'backscroll snapshot 1\n{"version":"1","user_id":"@a:b","device_id":"D","made_at":"x"}\n{"file":"../evil","bytes":0}\n',
        /does not belong/,
    ],
])("%s is refused in words of its own", async (_, text, message) => {
    await expect(
        unpackSnapshot(inPieces(Buffer.from(text.padEnd(5_000, "\n")), 100), { folder: target, key, name: "FILE" }),
    ).rejects.toThrow(message);
});
