import { isIP } from "node:net";
import { decodeRecoveryKey } from "../matrix/index.ts";
import { z } from "zod";
import { parseDuration } from "./duration.ts";
import { isPlaceholder } from "./placeholders.ts";
import { Secret } from "./secret.ts";

// The kinds of values that settings have. The message of every check says what is expected, to stand behind "expected".

const serverName = /^([A-Za-z0-9.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?$/;
const ownValue = "a value of your own (this one is the example's)";

const own = (expected: string) =>
    z.string({ error: expected }).refine((value) => !isPlaceholder(value), { error: ownValue, abort: true });
const checked = (expected: string, isRight: (value: string) => boolean) =>
    own(expected).refine(isRight, { error: expected });

export const text = (expected: string) => checked(expected, (value) => value !== "" && !/[\s\p{Cc}]/u.test(value));
export const folder = checked("the path of a folder", (value) => value !== "" && !value.includes("\0"));
export const flag = z.boolean({ error: "true or false" });
export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
    z.enum(words, { error: `one of ${words.join(", ")}` });
export const count = (least: number, most: number) => {
    const expected = `a whole number from ${least} to ${most}`;
    return z.int({ error: expected }).min(least, { error: expected }).max(most, { error: expected });
};
const aPercentage = "a number from 0 to 100, without a % sign";
export const percentage = z
    .number({ error: aPercentage })
    .min(0, { error: aPercentage })
    .max(100, { error: aPercentage });
export const listOf = <Item extends z.ZodType>(item: Item) =>
    z.array(item, { error: "a list (in a variable: separated by commas)" });

const aDuration = "a duration like 90s, 12h or 30d";
export const duration = z
    .string({ error: aDuration })
    .refine((value) => parseDuration(value) !== undefined, { error: aDuration })
    .transform((value) => parseDuration(value) ?? 0);
const keepOrDuration = `keep, or ${aDuration}`;
export const keepOrForgetAfter = z
    .string({ error: keepOrDuration })
    .refine((value) => value === "keep" || parseDuration(value) !== undefined, { error: keepOrDuration })
    .transform((value) => (value === "keep" ? value : (parseDuration(value) ?? 0)));

export const homeserverUrl = checked(
    "the homeserver's http or https URL, without user, query or fragment",
    isHomeserverUrl,
).transform((url) => url.replace(/\/+$/, ""));
export const server = checked("a server name, like matrix.org", (value) => serverName.test(value));
export const userId = checked("a full user ID, like @alice:home.server", isUserId);
export const userIdOrGlob = checked(
    "a full user ID, or a pattern of IDs with * or ?, like @*:home.server",
    (value) =>
        isUserId(value) || (/^[@*?]/.test(value) && /[*?]/.test(value) && !/\s/.test(value) && value.length <= 255),
);
export const roomId = checked("a room ID, like !abcdef:home.server (not an alias)", (value) =>
    /^![^\s\p{Cc}]{1,254}$/u.test(value),
);
export const address = checked("an IP address to listen on", (value) => isIP(value) !== 0);

const secret = (expected: string, isRight: (value: string) => boolean) =>
    checked(expected, isRight).transform((value) => new Secret(value));
export const password = secret("a password (in YAML in quotes if it is a number)", (value) => value !== "");
export const accessToken = secret("an access token: one word", (value) => /^[\x21-\x7e]+$/.test(value));
export const storeKey = secret("32 bytes in base64 (`openssl rand -base64 32` makes one)", is32Bytes);
export const recoveryKey = secret(
    "a recovery key, like EsTc 9mXY ... (12 groups of four), without a typing error",
    (text) => decodeRecoveryKey(text) !== undefined,
);

/** Source: Matrix v1.19, appendices 4.2.1; the localpart as older servers allow it. */
function isUserId(value: string): boolean {
    const colon = value.indexOf(":");
    if (Buffer.byteLength(value) > 255 || colon < 0) return false;
    return /^@[^\s\p{Cc}*]*$/u.test(value.slice(0, colon)) && serverName.test(value.slice(colon + 1));
}

function isHomeserverUrl(value: string): boolean {
    const url = /\s/.test(value) ? null : URL.parse(value);
    if (url === null || !/^https?:\/\//i.test(value)) return false;
    return url.username === "" && url.password === "" && url.search === "" && url.hash === "";
}

function is32Bytes(value: string): boolean {
    return /^[A-Za-z0-9+/]{43}=?$/.test(value) && Buffer.from(value, "base64").length === 32;
}
