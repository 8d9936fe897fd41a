import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { protect } from "../testing/protected-export.ts";
import { openKeyExport } from "./read.ts";

let folder: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const entries = [{ session_id: "s", session_key: "topsecret", extra: { kept: true } }];

async function read(text: string | Uint8Array, passphrase?: string): Promise<readonly (object | undefined)[]> {
    const path = join(folder, "export");
    writeFileSync(path, text);
    await using opened = await openKeyExport({ path, passphrase, spoolFolder: folder });
    const entries = await Array.fromAsync(opened.entries());
    expect(entries).toHaveLength(opened.count);
    return entries;
}

/** What is read of a pipe with this in it. */
async function throughPipe(text: string): Promise<readonly (object | undefined)[]> {
    const path = join(folder, "pipe");
    spawnSync("sh", ["-c", 'mkfifo "$0"', path]);
    const written = writeFile(path, text);
    await using opened = await openKeyExport({ path, passphrase: "open sesame", spoolFolder: folder });
    await written;
    rmSync(path);
    return await Array.fromAsync(opened.entries());
}

const json = JSON.stringify(entries);

test("a protected and a plain export are told apart by themselves", async () => {
    expect(await read(json)).toEqual(entries);
    expect(await read(`\ufeff\n ${json}\n`)).toEqual(entries);
    expect(await read(protect(json), "open sesame")).toEqual(entries);
    expect(await read(protect(json), "open sesame")).toEqual(entries);
});

test.each<[string, string, string | undefined, RegExp]>([
    ["no passphrase", protect(json), undefined, /--passphrase-file is not given/],
    ["another passphrase", protect(json), "open  sesame", /the passphrase is not the right one/],
    ["cut off", protect(json).slice(0, 80), "open sesame", /cut off/],
    ["too short", protect(json).replaceAll(/^[A-Za-z0-9+/=]+\n/gm, ""), "open sesame", /cut off/],
    ["a later version", protect(json, { version: 2 }), "open sesame", /version 2/],
    ["rounds without end", protect(json, { rounds: 0xffff_ffff }), "open sesame", /4294967295 rounds/],
    ["no round", protect(json, { rounds: 0 }), "open sesame", /0 rounds/],
    [
        "protected, and no list inside",
        protect('{"session_key":"topsecret"}'),
        "open sesame",
        /what it holds is no list/,
    ],
    ["broken JSON", json.slice(0, -3), undefined, /neither a key export nor a JSON list/],
    ["a list of something else", '["topsecret"]', undefined, /neither a key export nor a JSON list/],
    ["nothing", "", undefined, /neither a key export nor a JSON list/],
])("refused with a reason, and without a word of what is in it: %s", async (_, text, passphrase, message) => {
    const failure = await read(text, passphrase).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "key_export_unreadable", message: expect.stringMatching(message) });
    expect(String(failure)).not.toContain("topsecret");
});

test("every flipped byte of a protected export is noticed", async () => {
    const text = protect(json, { rounds: 1 });
    const armour = text.indexOf("\n") + 1;
    for (let index = armour + 50; index < armour + 120; index += 7) {
        if (text[index] === "\n") continue;
        const flipped = text.slice(0, index) + (text[index] === "A" ? "B" : "A") + text.slice(index + 1);
        await expect(read(flipped, "open sesame")).rejects.toThrow("damaged");
    }
});

test("an export of many pieces is read whole, protected or not, and through a pipe, of which nothing is left in the folder", async () => {
    const many = Array.from({ length: 2_000 }, (_, index) => ({
        session_id: `s${index}`,
        session_key: "k".repeat(300),
    }));
    const text = JSON.stringify(many);
    expect(await read(text)).toEqual(many);
    const armoured = protect(text);
    expect(await read(armoured, "open sesame")).toEqual(many);
    expect(await read(armoured.replaceAll("\n", "\r\n"), "open sesame")).toEqual(many);
    await expect(read(armoured.slice(0, 500_000), "open sesame")).rejects.toThrow("cut off");
    expect(await throughPipe(armoured)).toEqual(many);
    expect(await throughPipe(text)).toEqual(many);
    expect(readdirSync(folder)).toEqual(["export"]);
});

test("a file that changes between its readings is refused", async () => {
    const path = join(folder, "export");
    writeFileSync(path, json);
    await using opened = await openKeyExport({ path, passphrase: undefined, spoolFolder: folder });
    writeFileSync(path, `${json}\n`);
    await expect(Array.fromAsync(opened.entries())).rejects.toThrow("it was changed while it was read");
});
