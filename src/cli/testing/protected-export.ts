import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

/** A key export as clients write it. Rounds that no reader would run are written, and not run. */
export function protect(json: string, { passphrase = "open sesame", rounds = 1_000, version = 1 } = {}): string {
    const head = Buffer.concat([Buffer.from([version]), randomBytes(32), Buffer.alloc(4)]);
    head.writeUInt32BE(rounds, 33);
    const keys = pbkdf2Sync(passphrase, head.subarray(1, 17), Math.min(Math.max(rounds, 1), 100_000), 64, "sha512");
    const cipher = createCipheriv("aes-256-ctr", keys.subarray(0, 32), head.subarray(17, 33));
    const body = Buffer.concat([head, cipher.update(json), cipher.final()]);
    const mac = createHmac("sha256", keys.subarray(32)).update(body).digest();
    const lines = Buffer.concat([body, mac])
        .toString("base64")
        .replaceAll(/.{1,96}/g, "$&\n");
    return `-----BEGIN MEGOLM SESSION DATA-----\n${lines}-----END MEGOLM SESSION DATA-----\n`;
}
