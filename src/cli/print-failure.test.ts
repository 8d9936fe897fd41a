import { expect, test } from "vitest";
import { Failure } from "../failures/index.ts";
import { printFailure } from "./print-failure.ts";

const shown = (error: unknown): string => {
    const texts: string[] = [];
    printFailure(error, (text) => texts.push(text));
    return texts.join("");
};

test.each([
    [
        "an expected failure",
        new Failure("homeserver_refused", { url: "http://a", detail: "M_\u{1b}]0;owned\u{7} \u{202e}\u{9b}2J" }),
    ],
    ["a fault of ours", new Error("@a\u{1b}[2J:home\r is not \u{9b}2J")],
    ["something that is no error", "\u{1b}[2J"],
])("%s brings no control characters of other people to the terminal", (_, error) => {
    expect(shown(error)).toMatch(/^[^\p{Bidi_Control}]*\u{fffd}[^\p{Bidi_Control}]*\n$/u);
    expect(shown(error)).not.toMatch(/[^\P{Cc}\n]/u);
});

test("the lines of a story stay lines", () => {
    expect(shown(new Error("fault")).split("\n").length).toBeGreaterThan(3);
});
