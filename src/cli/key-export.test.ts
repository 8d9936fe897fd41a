import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readKeyExport } from "./key-export.ts";

let folder: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const entries = [{ session_id: "s", session_key: "topsecret", extra: { kept: true } }];

function protect(json: string, { passphrase = "open sesame", rounds = 1_000, version = 1 } = {}): string {
    const head = Buffer.concat([Buffer.from([version]), randomBytes(32), Buffer.alloc(4)]);
    head.writeUInt32BE(rounds, 33);
    const keys = pbkdf2Sync(passphrase, head.subarray(1, 17), Math.min(Math.max(rounds, 1), 1_000), 64, "sha512");
    const cipher = createCipheriv("aes-256-ctr", keys.subarray(0, 32), head.subarray(17, 33));
    const body = Buffer.concat([head, cipher.update(json), cipher.final()]);
    const mac = createHmac("sha256", keys.subarray(32)).update(body).digest();
    const lines = Buffer.concat([body, mac])
        .toString("base64")
        .replaceAll(/.{1,96}/g, "$&\n");
    return `-----BEGIN MEGOLM SESSION DATA-----\n${lines}-----END MEGOLM SESSION DATA-----\n`;
}

function read(text: string | Uint8Array, passphrase?: string): Promise<readonly object[]> {
    const path = join(folder, "export");
    writeFileSync(path, text);
    return readKeyExport(path, passphrase);
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
    ["protected, and no list inside", protect('{"session_key":"topsecret"}'), "open sesame", /what it holds is no list/],
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
