import { createCipheriv, createHash } from "node:crypto";

const pieceBytes = 262_144;

export interface Ciphertext {
    /** Each owns its buffer whole, so that it can be handed to another thread. */
    readonly pieces: readonly Uint8Array[];
    readonly bytes: number;
    /** Of the ciphertext; unpadded base64. */
    readonly sha256: string;
}

/**
 * Encrypts a file the way attachments are encrypted, a piece at a time: AES-256-CTR, and the hash of the ciphertext.
 * Source: Matrix v1.19, "Sending encrypted attachments".
 */
export class AttachmentCipher {
    readonly #cipher: ReturnType<typeof createCipheriv>;
    readonly #hash = createHash("sha256");
    readonly #pieces: Uint8Array[] = [];
    readonly #waiting = Buffer.alloc(pieceBytes);
    #waitingBytes = 0;
    #bytes = 0;

    /**
     * @param key 32 bytes
     * @param iv 16 bytes: 8 random ones, then a counter from 0
     */
    constructor(key: Uint8Array, iv: Uint8Array) {
        this.#cipher = createCipheriv("aes-256-ctr", key, iv);
    }

    write(plaintext: Uint8Array): void {
        for (let offset = 0; offset < plaintext.length;) {
            const part = plaintext.subarray(offset, offset + pieceBytes - this.#waitingBytes);
            this.#waiting.set(part, this.#waitingBytes);
            this.#waitingBytes += part.length;
            offset += part.length;
            if (this.#waitingBytes === pieceBytes) this.#encrypt();
        }
    }

    /** Ends the file; nothing can be written any more. */
    finish(): Ciphertext {
        this.#encrypt();
        return { pieces: this.#pieces, bytes: this.#bytes, sha256: this.#hash.digest("base64").replaceAll("=", "") };
    }

    #encrypt(): void {
        if (this.#waitingBytes === 0) return;
        const piece = new Uint8Array(this.#cipher.update(this.#waiting.subarray(0, this.#waitingBytes)));
        this.#hash.update(piece);
        this.#pieces.push(piece);
        this.#bytes += piece.length;
        this.#waitingBytes = 0;
    }
}
