import {
    createCipheriv,
    createHmac,
    createPrivateKey,
    generateKeyPairSync,
    hkdfSync,
    type KeyObject,
    randomBytes,
    sign,
} from "node:crypto";

const parts = [0, 1, 2, 3] as const;

/**
 * An outbound Megolm session, written from the specification: for senders that no SDK plays, whose `m.room_key` has a
 * forged or another flag. Source: https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/megolm.md
 */
export class MegolmSession {
    /** The session's Ed25519 public key, unpadded base64. */
    readonly id: string;
    readonly #publicKey: Buffer;
    readonly #signingKey: KeyObject;
    readonly #ratchet = parts.map(() => randomBytes(32));
    #index = 0;

    constructor() {
        const { privateKey } = generateKeyPairSync("ed25519");
        this.#signingKey = createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }));
        this.#publicKey = Buffer.from(String(privateKey.export({ format: "jwk" }).x), "base64url");
        this.id = base64(this.#publicKey);
    }

    /** The session sharing format, version 2: what stands in an `m.room_key`. */
    get sharedKey(): string {
        const body = Buffer.concat([Buffer.of(2), this.#position(), this.#publicKey]);
        return base64(Buffer.concat([body, sign(null, body, this.#signingKey)]));
    }

    /** The session export format, version 1: what stands in key exports, backups and bundles. */
    get exportedKey(): string {
        return base64(Buffer.concat([Buffer.of(1), this.#position(), this.#publicKey]));
    }

    /** Encrypts one message and advances; answers `ciphertext`. */
    encrypt(plaintext: string): string {
        const keys = Buffer.from(hkdfSync("sha256", Buffer.concat(this.#ratchet), Buffer.alloc(32), "MEGOLM_KEYS", 80));
        const cipher = createCipheriv("aes-256-cbc", keys.subarray(0, 32), keys.subarray(64));
        const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
        const message = Buffer.concat([
            Buffer.of(3, 0x08),
            variableLength(this.#index),
            Buffer.of(0x12),
            variableLength(ciphertext.length),
            ciphertext,
        ]);
        const authentic = Buffer.concat([
            message,
            createHmac("sha256", keys.subarray(32, 64)).update(message).digest().subarray(0, 8),
        ]);
        this.#advance();
        return base64(Buffer.concat([authentic, sign(null, authentic, this.#signingKey)]));
    }

    #position(): Buffer {
        const index = Buffer.alloc(4);
        index.writeUInt32BE(this.#index);
        return Buffer.concat([index, ...this.#ratchet]);
    }

    #advance(): void {
        this.#index += 1;
        // Part 0 is hashed anew every 2^24 messages, part 1 every 2^16, part 2 every 2^8, part 3 each time; the lower
        // parts follow from the highest.
        const highest = parts.find((part) => this.#index % 2 ** (24 - 8 * part) === 0) ?? 3;
        const source = this.#ratchet[highest] ?? Buffer.alloc(32);
        for (const part of parts.slice(highest))
            this.#ratchet[part] = createHmac("sha256", source).update(Buffer.of(part)).digest();
    }
}

function base64(bytes: Buffer): string {
    return bytes.toString("base64").replaceAll("=", "");
}

function variableLength(value: number): Buffer {
    const bytes: number[] = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
        if (rest < 128) return Buffer.from([...bytes, rest]);
        bytes.push((rest % 128) + 128);
    }
}
