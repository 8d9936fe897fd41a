import { createDecipheriv, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Pieces, Refuse } from "./source.ts";

const mostRounds = 10_000_000;

const armourBegin = "-----BEGIN MEGOLM SESSION DATA-----";
const armourEnd = "-----END MEGOLM SESSION DATA-----";

/** version 1, salt, IV, rounds (32 bits, big-endian), ciphertext, HMAC-SHA-256 over all before it. */
const layout = { salt: [1, 17], iv: [17, 33], rounds: 33, body: 37, mac: 32 } as const;

/** Whether this is an armoured export, by how it begins. */
export async function isProtected(file: Pieces): Promise<boolean> {
    for await (const piece of file) return Buffer.from(piece).toString("utf8").trimStart().startsWith(armourBegin);
    return false;
}

/**
 * What a passphrase protects, as often as it is wanted. All of the file is authenticated before any of it is decrypted.
 * Source: Matrix v1.19, "Key exports".
 */
export async function unprotect(
    file: () => Pieces,
    passphrase: string | undefined,
    refuse: Refuse,
): Promise<() => Pieces> {
    if (passphrase === undefined) throw refuse("it is protected by a passphrase, and --passphrase-file is not given");
    const bytes = () => unarmour(file(), refuse);
    const head = await readHead(bytes(), refuse);
    const rounds = head.readUInt32BE(layout.rounds);
    if (head[0] !== 1) throw refuse(`its format has version ${head[0] ?? 0}, and only 1 is known`);
    if (rounds < 1 || rounds > mostRounds) throw refuse(`it asks for ${rounds} rounds of key derivation`);
    const keys = await promisify(pbkdf2)(passphrase, head.subarray(...layout.salt), rounds, 64, "sha512");
    await authenticate(bytes(), keys.subarray(32), refuse);
    return () => decrypt(bytes(), keys.subarray(0, 32), head.subarray(...layout.iv));
}

async function readHead(bytes: Pieces, refuse: Refuse): Promise<Buffer> {
    let head = Buffer.alloc(0);
    for await (const piece of bytes) {
        head = Buffer.concat([head, piece]);
        if (head.length >= layout.body + layout.mac) return head.subarray(0, layout.body);
    }
    throw refuse("it is cut off");
}

async function authenticate(bytes: Pieces, key: Uint8Array, refuse: Refuse): Promise<void> {
    const hmac = createHmac("sha256", key);
    let mac: Uint8Array = new Uint8Array();
    for await (const piece of withoutMac(bytes, (last) => (mac = last))) hmac.update(piece);
    if (!timingSafeEqual(hmac.digest(), mac))
        throw refuse("the passphrase is not the right one, or the file is damaged");
}

async function* decrypt(bytes: Pieces, key: Uint8Array, iv: Uint8Array): Pieces {
    const decipher = createDecipheriv("aes-256-ctr", key, iv);
    let skip: number = layout.body;
    for await (const piece of withoutMac(bytes, () => {})) {
        const body = piece.subarray(skip);
        skip -= piece.length - body.length;
        if (body.length > 0) yield decipher.update(body);
    }
}

/** All bytes but the last 32, which `onMac` is given at the end. */
async function* withoutMac(bytes: Pieces, onMac: (mac: Uint8Array) => void): Pieces {
    let held = Buffer.alloc(0);
    for await (const piece of bytes) {
        held = Buffer.concat([held, piece]);
        if (held.length > layout.mac) yield held.subarray(0, -layout.mac);
        held = held.subarray(-layout.mac);
    }
    onMac(held);
}

/** The bytes that stand in base64 between the first line and the last. */
async function* unarmour(text: Pieces, refuse: Refuse): Pieces {
    let rest = "";
    let begun = false;
    for await (const piece of text) {
        rest += Buffer.from(piece).toString("latin1");
        if (!begun) rest = rest.slice(rest.indexOf(armourBegin) + armourBegin.length);
        begun = true;
        const end = rest.indexOf("-");
        const base64 = (end < 0 ? rest : rest.slice(0, end)).replaceAll(/\s+/g, "");
        const whole = end < 0 ? base64.length - (base64.length % 4) : base64.length;
        if (whole > 0) yield Buffer.from(base64.slice(0, whole), "base64");
        rest = base64.slice(whole) + (end < 0 ? "" : rest.slice(end));
        if (rest.startsWith(armourEnd)) return;
    }
    throw refuse("it is cut off: its last line is missing");
}
