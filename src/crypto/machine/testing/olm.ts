import {
    createCipheriv,
    createHmac,
    createPublicKey,
    diffieHellman,
    generateKeyPairSync,
    hkdfSync,
    type KeyObject,
} from "node:crypto";
import { unpadded } from "../entries/exported-session-key.ts";

/** Whom a stranger writes to: keys in unpadded base64. */
export interface OlmRecipient {
    readonly userId: string;
    readonly curve25519: string;
    readonly ed25519: string;
    /** A fallback key, or a one-time key, which is good for one session. */
    readonly prekey: string;
}

/**
 * A device that nobody has heard of, and that starts a new Olm session with each message: no machine does that.
 * Source: Matrix v1.19, olm-megolm, "Olm", "Pre-key messages"; `m.olm.v1.curve25519-aes-sha2`.
 */
export class OlmStranger {
    readonly userId: string;
    readonly #identity = generateKeyPairSync("x25519");

    constructor(userId: string) {
        this.userId = userId;
    }

    get curve25519(): string {
        return unpadded(raw(this.#identity.publicKey));
    }

    /** An `m.room.encrypted` that begins a session. */
    begin(to: OlmRecipient, type: string, content: object): object {
        const [base, ratchet] = [generateKeyPairSync("x25519"), generateKeyPairSync("x25519")];
        const [theirIdentity, prekey] = [publicKey(to.curve25519), publicKey(to.prekey)];
        const shared = Buffer.concat([
            diffieHellman({ privateKey: this.#identity.privateKey, publicKey: prekey }),
            diffieHellman({ privateKey: base.privateKey, publicKey: theirIdentity }),
            diffieHellman({ privateKey: base.privateKey, publicKey: prekey }),
        ]);
        const chain = derive(shared, "OLM_ROOT", 64).subarray(32);
        const message = messageOf(chain, raw(ratchet.publicKey), JSON.stringify(this.#said(to, type, content)));
        const keys = [raw(prekey), raw(base.publicKey), raw(this.#identity.publicKey)];
        const fields = [0x0a, 0x12, 0x1a].map((tag, place) => field(tag, keys[place] ?? Buffer.alloc(0)));
        return this.#encrypted(to, 0, Buffer.concat([Buffer.from([3]), ...fields, field(0x22, message)]));
    }

    /** An `m.room.encrypted` of no session: whoever gets it tries all that there are. */
    gibberish(to: OlmRecipient): object {
        const key = raw(generateKeyPairSync("x25519").publicKey);
        return this.#encrypted(to, 1, messageOf(Buffer.alloc(32), key, "{}"));
    }

    #said({ userId, ed25519 }: OlmRecipient, type: string, content: object): object {
        const ours = { ed25519: unpadded(raw(generateKeyPairSync("ed25519").publicKey)) };
        return { type, content, sender: this.userId, recipient: userId, keys: ours, recipient_keys: { ed25519 } };
    }

    #encrypted(to: OlmRecipient, type: number, body: Buffer): object {
        const ciphertext = { [to.curve25519]: { type, body: unpadded(body) } };
        const content = { algorithm: "m.olm.v1.curve25519-aes-sha2", sender_key: this.curve25519, ciphertext };
        return { type: "m.room.encrypted", sender: this.userId, content };
    }
}

/** The first message of a chain. */
function messageOf(chain: Buffer, ratchetKey: Buffer, text: string): Buffer {
    const messageKey = createHmac("sha256", chain)
        .update(Buffer.from([1]))
        .digest();
    const keys = derive(messageKey, "OLM_KEYS", 80);
    const cipher = createCipheriv("aes-256-cbc", keys.subarray(0, 32), keys.subarray(64));
    const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]);
    const body = Buffer.concat([
        Buffer.from([3]),
        field(0x0a, ratchetKey),
        Buffer.from([0x10, 0]),
        field(0x22, ciphertext),
    ]);
    const mac = createHmac("sha256", keys.subarray(32, 64)).update(body).digest().subarray(0, 8);
    return Buffer.concat([body, mac]);
}

function derive(secret: Buffer, info: string, length: number): Buffer {
    return Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), info, length));
}

/** The length as a number of seven bits a byte, the lowest first. */
function field(tag: number, bytes: Buffer): Buffer {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest >>= 7) {
        if (rest < 0x80) {
            length.push(rest);
            break;
        }
        length.push((rest & 0x7f) | 0x80);
    }
    return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
}

function raw(key: KeyObject): Buffer {
    return key.export({ type: "spki", format: "der" }).subarray(-32);
}

/** What stands before a raw X25519 key in its DER form. Source: RFC 8410. */
const x25519Der = Buffer.from("302a300506032b656e032100", "hex");

function publicKey(base64: string): KeyObject {
    return createPublicKey({
        key: Buffer.concat([x25519Der, Buffer.from(base64, "base64")]),
        format: "der",
        type: "spki",
    });
}
