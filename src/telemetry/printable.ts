/**
 * The text as a terminal may have it: names, and what servers say, come from other people, and control characters in
 * them (line breaks left out) could rewrite the screen. They are made visible.
 */
export function printable(text: string): string {
    return text.replaceAll(/[^\P{Cc}\n]|\p{Bidi_Control}/gu, "\u{fffd}");
}

/** The same for a text that is to stay within its line: line breaks do not pass either. */
export function printableInLine(text: string): string {
    return text.replaceAll(/\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu, "\u{fffd}");
}
