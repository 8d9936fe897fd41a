const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const prefix = [0x8b, 0x01];
const keyBytes = 32;

/**
 * Whether a text is a recovery key: base58, spaces ignored, the right prefix, 32 bytes and the parity byte.
 * Source: Matrix v1.19, "Secret storage", key representation.
 */
export function isRecoveryKey(text: string): boolean {
    const bytes = base58(text.replaceAll(/\s/g, ""));
    if (bytes?.length !== prefix.length + keyBytes + 1) return false;
    const parity = bytes.reduce((sum, byte) => sum ^ byte, 0);
    return parity === 0 && prefix.every((byte, index) => bytes[index] === byte);
}

function base58(text: string): readonly number[] | undefined {
    if (text.length > 64) return undefined;
    let value = 0n;
    for (const character of text) {
        const digit = alphabet.indexOf(character);
        if (digit < 0) return undefined;
        value = value * 58n + BigInt(digit);
    }
    const hex = value.toString(16);
    return [...Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex")];
}
