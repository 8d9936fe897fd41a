import { createDecipheriv, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { z } from "zod";
import { Failure } from "../failures/index.ts";

/** A text cannot be longer in this Node; 100 000 sessions have about 60 MB. */
const largestFile = 400 * 1_048_576;
const mostRounds = 10_000_000;

const armourBegin = "-----BEGIN MEGOLM SESSION DATA-----";
const armourEnd = "-----END MEGOLM SESSION DATA-----";

const entriesSchema = z.array(z.looseObject({}));

/**
 * The room keys in a Matrix key export, as they stand there: passphrase-protected, or a plain JSON list. Which of the two is seen by itself.
 * Source: Matrix v1.19, "Key exports".
 * @throws Failure `key_export_unreadable`; no message quotes what is in the file
 */
export async function readKeyExport(path: string, passphrase: string | undefined): Promise<readonly object[]> {
    const refuse = (detail: string) => new Failure("key_export_unreadable", { path, detail });
    const text = (await readText(path, refuse)).trim();
    const json = text.startsWith(armourBegin) ? await decrypt(text, passphrase, refuse) : text;
    const entries = entriesSchema.safeParse(parse(json));
    if (!entries.success)
        throw refuse(json === text ? "it is neither a key export nor a JSON list" : "what it holds is no list of room keys");
    return entries.data;
}

type Refuse = (detail: string) => Failure;

async function readText(path: string, refuse: Refuse): Promise<string> {
    try {
        const { size } = await stat(path);
        if (size > largestFile) throw refuse("it is larger than 400 MiB");
        return new TextDecoder().decode(await readFile(path));
    } catch (error) {
        if (error instanceof Failure || !(error instanceof Error && "code" in error)) throw error;
        throw refuse(faults[String(error.code)] ?? `it cannot be read (${String(error.code)})`);
    }
}

const faults: Readonly<Record<string, string>> = {
    ENOENT: "it does not exist",
    EACCES: "this user may not read it",
    EISDIR: "it is a folder",
};

/** version 1, salt, IV, rounds (32 bits, big-endian), ciphertext, HMAC-SHA-256 over all before it. */
const layout = { salt: [1, 17], iv: [17, 33], rounds: 33, body: 37, mac: 32 } as const;

async function decrypt(text: string, passphrase: string | undefined, refuse: Refuse): Promise<string> {
    if (passphrase === undefined) throw refuse("it is protected by a passphrase, and --passphrase-file is not given");
    const end = text.indexOf(armourEnd);
    if (end < 0) throw refuse("it is cut off: its last line is missing");
    const data = Buffer.from(text.slice(armourBegin.length, end), "base64");
    if (data.length < layout.body + layout.mac) throw refuse("it is cut off");
    if (data[0] !== 1) throw refuse(`its format has version ${data[0] ?? 0}, and only 1 is known`);
    const rounds = data.readUInt32BE(layout.rounds);
    if (rounds < 1 || rounds > mostRounds) throw refuse(`it asks for ${rounds} rounds of key derivation`);
    const keys = await promisify(pbkdf2)(passphrase, data.subarray(...layout.salt), rounds, 64, "sha512");
    const mac = createHmac("sha256", keys.subarray(32)).update(data.subarray(0, -layout.mac)).digest();
    if (!timingSafeEqual(mac, data.subarray(-layout.mac))) throw refuse("the passphrase is not the right one, or the file is damaged");
    const decipher = createDecipheriv("aes-256-ctr", keys.subarray(0, 32), data.subarray(...layout.iv));
    return Buffer.concat([decipher.update(data.subarray(layout.body, -layout.mac)), decipher.final()]).toString("utf8");
}

function parse(json: string): unknown {
    try {
        return JSON.parse(json);
    } catch {
        return undefined;
    }
}
