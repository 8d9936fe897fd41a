/**
 * A second belt: log lines are written so that no secret is in their facts; what has the name of one is taken out all
 * the same. Errors are reduced to what explains them: libraries attach requests and their headers.
 */
export function redact(facts: object): Record<string, unknown> {
    return Object.fromEntries(
        Object.entries(facts).map(([key, value]) => [key, isSecretName(key) ? hidden : redactValue(value, deepest)]),
    );
}

const hidden = "[not logged]";
const deepest = 4;

const secretNames = new Set(
    "password passphrase secret token accesstoken refreshtoken authorization auth storekey recoverykey privatekey sessionkey session_data body ciphertext k jwk"
        .split(" ")
        .map((name) => name.replaceAll("_", "")),
);

const isSecretName = (key: string) => secretNames.has(key.toLowerCase().replaceAll(/[_-]/g, ""));

function redactValue(value: unknown, depth: number): unknown {
    if (value instanceof Error) return errorFacts(value, depth);
    if (typeof value === "bigint") return String(value);
    if (typeof value === "function" || typeof value === "symbol") return undefined;
    if (typeof value !== "object" || value === null) return value;
    if (depth === 0 || ArrayBuffer.isView(value)) return "[...]";
    if ("toJSON" in value && typeof value.toJSON === "function") return value;
    if (Array.isArray(value)) return value.map((item) => redactValue(item, depth - 1));
    return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, isSecretName(key) ? hidden : redactValue(item, depth - 1)]),
    );
}

function errorFacts(error: Error, depth: number): object {
    const code = "code" in error ? { code: String(error.code) } : {};
    const cause = error.cause !== undefined && depth > 0 ? { cause: redactValue(error.cause, depth - 1) } : {};
    return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
