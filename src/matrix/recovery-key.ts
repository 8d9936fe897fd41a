// Source: Matrix v1.19, appendix "Cryptographic key representation".
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const prefix = [0x8b, 0x01];
const keyBytes = 32;
const textLength = 48;

/** A 32-byte key as people write it down: base58 in groups of four, with prefix and parity byte. */
export function encodeRecoveryKey(key: Uint8Array): string {
    if (key.length !== keyBytes) throw new TypeError("a recovery key has 32 bytes");
    const bytes = [...prefix, ...key];
    let value = BigInt(`0x${Buffer.from([...bytes, parity(bytes)]).toString("hex")}`);
    let text = "";
    for (; value > 0n; value /= 58n) text = alphabet.charAt(Number(value % 58n)) + text;
    return text.replaceAll(/.{4}(?=.)/g, "$& ");
}

/** The 32 bytes of a recovery key, spaces ignored; undefined if it has a typing error or is something else. */
export function decodeRecoveryKey(text: string): Uint8Array | undefined {
    const compact = text.replaceAll(/\s/g, "");
    if (compact.length !== textLength) return undefined;
    let value = 0n;
    for (const character of compact) {
        const digit = alphabet.indexOf(character);
        if (digit < 0) return undefined;
        value = value * 58n + BigInt(digit);
    }
    const bytes = Buffer.from(value.toString(16).padStart(2 * (prefix.length + keyBytes + 1), "0"), "hex");
    if (bytes.length !== prefix.length + keyBytes + 1 || parity(bytes) !== 0) return undefined;
    return prefix.every((byte, index) => bytes[index] === byte)
        ? Uint8Array.from(bytes.subarray(prefix.length, -1))
        : undefined;
}

function parity(bytes: Iterable<number>): number {
    let sum = 0;
    for (const byte of bytes) sum ^= byte;
    return sum;
}
