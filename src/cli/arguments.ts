import { resolve } from "node:path";
import { Failure } from "../failures/index.ts";
import type { Invocation } from "./context.ts";

interface Asked {
    /** What the command's help calls it. */
    readonly name: string;
    readonly command: string;
}

/** @throws Failure `bad_argument` */
export function roomId(text: string, asked: Asked): string {
    if (/^![^\s\p{Cc}]{1,254}$/u.test(text)) return text;
    const hint = text.startsWith("#")
        ? " (an alias will not do: clients show the ID in the room's advanced settings)"
        : "";
    throw refused(text, `a room ID, like '!abcdef:home.server'${hint}`, asked);
}

/** @throws Failure `bad_argument` */
export function userId(text: string, asked: Asked): string {
    if (/^@[^\s\p{Cc}:]*:[^\s\p{Cc}]{1,254}$/u.test(text)) return text;
    throw refused(text, "a full user ID, like @alice:home.server", asked);
}

/** A master key in unpadded base64; groups and padding are taken, too. @throws Failure `bad_argument` */
export function fingerprint(text: string, asked: Asked): string {
    const bare = text.replaceAll(/[\s=]/g, "");
    if (/^[A-Za-z0-9+/]{43}$/.test(bare)) return bare;
    throw refused(text, "the 43 characters of a fingerprint (the user's master key in base64)", asked);
}

/** @throws Failure `bad_argument` */
export function wholeNumber(text: string, [least, most]: readonly [number, number], asked: Asked): number {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw refused(text, `a whole number from ${least} to ${most}`, asked);
}

/** @throws Failure `bad_argument` */
export function oneOf<const Word extends string>(text: string, words: readonly Word[], asked: Asked): Word {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw refused(text, `one of ${words.join(", ")}`, asked);
}

/** @throws Failure `bad_argument` */
export function refused(text: string, expected: string, { name, command }: Asked): Failure {
    return new Failure("bad_argument", { name, found: JSON.stringify(text.slice(0, 100)), expected, command });
}

/** An argument that the command line's grammar has made sure of. */
export function argument({ args }: Invocation, index: number): string {
    const text = args[index];
    if (text === undefined) throw new TypeError(`argument ${index} is missing after parsing`);
    return text;
}

/** An option with a value; undefined if it was not given. */
export function option({ options }: Invocation, name: string): string | undefined {
    const value = options[name];
    return typeof value === "string" ? value : undefined;
}

export const pathArgument = (invocation: Invocation, path: string) => resolve(invocation.workingDirectory, path);
