import anyAscii from "any-ascii";
import unhomoglyph from "unhomoglyph";

/** What takes no ink: spaces, control characters, letters that are blank (Hangul fillers, an empty braille cell). */
const blanks = String.raw`\p{Z}\p{C}\s\u2800\p{Default_Ignorable_Code_Point}`;
const blank = new RegExp(`[${blanks}]`, "gu");
const leadingBlanks = new RegExp(`^[${blanks}]+`, "u");
/** Where clients cut a name off, or what stands behind is out of sight: a new line, or a long run without a letter. */
const tail = new RegExp(String.raw`[\n\v\f\r\u0085\u2028\u2029]|[${blanks}]{4}|[${blanks}\p{P}\p{S}]{8}`, "u");

/**
 * UTF-16 units of a name that are compared, of what can be seen of it: behind them nobody recognises anybody, and there
 * are letters that are spelt out as eighteen.
 */
const longestLook = 200;

/** Scripts that write vowels as marks. Everywhere else a mark is an accent, or not ordinary on such a letter. */
const scriptsOfMarks =
    "Bengali Devanagari Gujarati Gurmukhi Kannada Khmer Lao Malayalam Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan"
        .split(" ")
        .map((script) => new RegExp(`\\p{Script=${script}}`, "u"));
/** Kana share their marks, and whoever leaves them away writes another letter. */
const kana = /[\p{Script=Hiragana}\p{Script=Katakana}\u3099\u309a]/u;
/** Marks of no script, as the table of look-alikes spells the strokes of letters (ł is "l" and a stroke). */
const strokes = /[[\p{M}&&\p{Script=Inherited}]--[\u3099\u309a]]/gv;

/** Letters in circles and boxes, and currency signs, which stand for letters in "fancy" names. */
const pictured = /[\u2460-\u24ff\u2776-\u2793\u{1f100}-\u{1f1ff}\p{Sc}]/gu;
const unusualLatin = /[\p{Script=Latin}--[A-Za-z]]/gv;
/** Most names, and nearly all user IDs: they need a third of the steps. */
const ascii = /^[ -~]*$/;
const lettersAndDigits = /^[a-z0-9]+$/i;

/**
 * What a name looks like: names with a skeleton in common can be taken for each other. None for a name that shows
 * nothing.
 * Beyond the standard: compatibility forms (a name in bold mathematical letters), accents, small capitals, letters in
 * circles and boxes, and whatever a name can be dressed up with (spaces, punctuation, symbols) do not tell people
 * apart; and what stands before a long tail that a client cuts off is a name of its own.
 * Source: Unicode Technical Standard 39, section 4, "Confusable Detection".
 */
export function skeletons(name: string): readonly string[] {
    const names = [...new Set([name, beforeTail(name)])].map((text) =>
        visible(text).replace(leadingBlanks, "").slice(0, longestLook),
    );
    const texts = names.flatMap((text) => [text, text.replace(pictured, letterInPicture)]);
    // A capital I looks like l, and is the same letter as i: each counts.
    const cases = new Set(texts.flatMap((text) => [text, text.toLowerCase()]));
    const looks = Array.from(cases, (text) => undressed(plainLetters(text).toLowerCase()));
    return [...new Set(looks)].filter((skeleton) => skeleton !== "");
}

/**
 * Whether embeddings, overrides or isolates let a name be shown in another order than it is written in.
 * The marks U+200E, U+200F and U+061C, which ordinary Arabic and Hebrew names contain, cannot do that.
 * Source: Unicode Standard Annex 9, section 2, "Directional Formatting Characters".
 */
export function isReordered(name: string): boolean {
    return /[\u202a-\u202e\u2066-\u2069]/u.test(name);
}

function beforeTail(name: string): string {
    const begun = name.replace(leadingBlanks, "");
    const end = begun.search(tail);
    return end < 0 ? name : begun.slice(0, end);
}

function visible(name: string): string {
    if (ascii.test(name)) return name;
    const text = name.normalize("NFKD").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
    return text.replace(
        /(^|\P{M})(\p{M}+)/gu,
        (_, letter: string, marks: string) => letter + spellingMarks(letter, marks),
    );
}

/**
 * Of the marks on a letter those that belong to the spelling, once each: two of a kind are shown one over the other.
 */
function spellingMarks(letter: string, marks: string): string {
    const script = kana.test(letter) ? kana : scriptsOfMarks.find((candidate) => candidate.test(letter));
    return script === undefined ? "" : [...new Set(marks)].filter((mark) => script.test(mark)).join("");
}

function letterInPicture(symbol: string): string {
    const letter = anyAscii(symbol);
    return lettersAndDigits.test(letter) ? letter : symbol;
}

/** Twice: the table of look-alikes has some letters of other scripts as small capitals. */
function plainLetters(text: string): string {
    if (ascii.test(text)) return unhomoglyph(text);
    const read = unhomoglyph(text.replace(unusualLatin, plainLetter));
    return read.replace(unusualLatin, plainLetter).replace(strokes, "");
}

/** As the table of look-alikes has it; what is not in it (a small capital, a hook) as it is read. */
function plainLetter(letter: string): string {
    const alike = unhomoglyph(letter).replace(strokes, "");
    if (ascii.test(alike)) return alike;
    const read = anyAscii(letter);
    return lettersAndDigits.test(read) ? read : alike;
}

function undressed(text: string): string {
    const plain = text.replace(blank, "");
    const bare = plain.replace(/[\p{P}\p{S}]/gu, "");
    // Of a name that is one emoji, the emoji is the name.
    return bare === "" ? plain : bare;
}
