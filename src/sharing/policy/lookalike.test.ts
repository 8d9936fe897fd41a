import { expect, test } from "vitest";
import { Lookalikes, type Person } from "./lookalike.ts";
import { isReordered, skeletons } from "./skeletons.ts";

function resembledMember(invitee: Person, members: readonly Person[]): string | undefined {
    return new Lookalikes().find(invitee, { roomId: "!room:home", revision: 1, list: () => members });
}

const named = (displayName: string): Person => ({ userId: "@x:home", displayName });

const alice = { userId: "@alice:home", displayName: "Alice Smith" };

test.each<[string, { readonly userId: string; readonly displayName?: string }]>([
    ["the same display name", { userId: "@x:home", displayName: "Alice Smith" }],
    ["the same localpart on another server", { userId: "@alice:elsewhere" }],
    ["the localpart as a display name", { userId: "@x:home", displayName: "alice" }],
    ["the whole user ID as a display name", { userId: "@x:home", displayName: "@alice:home" }],
    ["a Cyrillic a", { userId: "@x:home", displayName: "\u{410}lice Smith" }],
    ["a Cyrillic a in the localpart, where an old server allows it", { userId: "@\u{430}lice:elsewhere" }],
    ["Greek and Cyrillic letters mixed", { userId: "@x:home", displayName: "Α\u{406}і\u{441}е Sm\u{456}th" }],
    ["a zero-width space", { userId: "@x:home", displayName: "Ali\u{200b}ce Smith" }],
    ["a soft hyphen", { userId: "@x:home", displayName: "Al\u{ad}ice Smith" }],
    ["a direction override", { userId: "@x:home", displayName: "\u{202e}Alice Smith\u{202c}" }],
    ["a variation selector", { userId: "@x:home", displayName: "Alice\u{fe0f} Smith" }],
    ["tag characters", { userId: "@x:home", displayName: "Alice Smith\u{e0041}\u{e007f}" }],
    ["a Hangul filler for a space", { userId: "@x:home", displayName: "Alice\u{3164}Smith" }],
    ["a blank braille cell", { userId: "@x:home", displayName: "Alice\u{2800} Smith" }],
    ["another case", { userId: "@x:home", displayName: "ALICE SMITH" }],
    ["a capital I for the l", { userId: "@x:home", displayName: "AIice Smith" }],
    ["a digit for the l", { userId: "@a1ice:home" }],
    ["a bar for the l", { userId: "@x:home", displayName: "A|ice Smith" }],
    ["rn for m", { userId: "@x:home", displayName: "Alice Srnith" }],
    ["full-width letters", { userId: "@x:home", displayName: "Ａｌｉｃｅ Smith" }],
    ["mathematical letters", { userId: "@x:home", displayName: "𝐀𝐥𝐢𝐜𝐞 𝕊𝕞𝕚𝕥𝕙" }],
    ["letters in circles", { userId: "@x:home", displayName: "Ⓐlice Smith" }],
    ["an accent", { userId: "@x:home", displayName: "Alicé Smith" }],
    ["an accent, composed otherwise", { userId: "@x:home", displayName: "Alice\u{301} Smith" }],
    ["a dot at the end", { userId: "@x:home", displayName: "Alice Smith." }],
    ["other spaces", { userId: "@x:home", displayName: " Alice  \u{a0}Smith " }],
    ["a badge", { userId: "@x:home", displayName: "Alice Smith ✓" }],
    ["underscores", { userId: "@alice_:home" }],
    ["a mark of another block than the usual accents", named("A\u{1ab0}lice\u{20d7} Sm\u{fe20}ith")],
    ["a mark of another script", named("Alic\u{483}e Smi\u{e31}th")],
    ["marks that are piled up", named(`A${"\u{1dc4}\u{20dd}\u{336}".repeat(30)}lice Smith`)],
    ["a mark in front of everything", named("\u{1dc4}Alice Smith")],
    ["small capitals", named("ᴀʟɪᴄᴇ ꜱᴍɪᴛʜ")],
    ["Cherokee letters that look like small capitals", named("ᴀʟɪᴄꭼ ꜱᴍɪꭲʜ")],
    ["letters in black circles", named("🅐🅛🅘🅒🅔 🅢🅜🅘🅣🅗")],
    ["letters in black boxes", named("🅰️🅻🅸🅲🅴 🆂🅼🅸🆃🅷")],
    ["letters in boxes", named("🄰🄻🄸🄲🄴 🅂🄼🄸🅃🄷")],
    ["letters of flags, kept from being flags", named(Array.from("🇦🇱🇮🇨🇪🇸🇲🇮🇹🇭").join("\u{200b}"))],
    ["letters with a combining circle or box", named(Array.from("AliceSmith").join("\u{20dd}"))],
    ["a flag behind it", named("Alice Smith 🇩🇪")],
    ["currency signs", named("₳ⱠI₵Ɇ Smith")],
    ["letters with a hook", named("Alɨƈɛ Sɱɨʈɦ")],
    ["marks of direction", named("\u{200e}Alice\u{200f} Smith\u{61c}")],
    ["a long tail of wide spaces", named(`Alice Smith${"\u{3000}".repeat(40)}is a stranger`)],
    ["a long tail of blank letters", named(`Alice Smith${"\u{3164}".repeat(40)}is a stranger`)],
    ["a tail on the next line", named("Alice Smith\nis a stranger")],
    ["a long tail of dashes", named(`Alice Smith ${"\u{2e3b}".repeat(10)} stranger`)],
    ["spaces on both sides and a tail", named(`  ${"\u{2003}".repeat(9)}Alice Smith${"\u{2003}".repeat(9)}stranger`)],
])("%s: taken for Alice", (_, invitee) => {
    expect(resembledMember(invitee, [{ userId: "@bot:home" }, alice])).toBe(alice.userId);
});

test.each<[string, { readonly userId: string; readonly displayName?: string }]>([
    ["somebody else", { userId: "@charlie:home", displayName: "Charlie" }],
    ["Alice herself, who left and comes back", alice],
    ["a name that only begins the same", { userId: "@x:home", displayName: "Alice Sm" }],
    ["a name that goes on behind a dash", named("Alice Smith - Acme")],
    ["a tail without a name before it", named(`${"\u{3000}".repeat(40)}stranger`)],
    ["another number", { userId: "@alice2:home", displayName: "Alice Smith 2" }],
    ["the same server", { userId: "@x:home" }],
    ["a display name of nothing but invisible characters", { userId: "@x:home", displayName: "\u{200b}\u{2800} " }],
    ["an empty display name", { userId: "@x:home", displayName: "" }],
])("%s: not taken for Alice", (_, invitee) => {
    expect(
        resembledMember(invitee, [
            { userId: "@bot:home", displayName: "" },
            alice,
            { userId: "@y:home", displayName: " " },
        ]),
    ).toBeUndefined();
});

test("names of other scripts are told apart, and taken for themselves", () => {
    const names = [
        "Алиса",
        "Борис",
        "愛子",
        "さくら",
        "أليس",
        "עליזה",
        "अनिता",
        "🐸",
        "🐢",
        "राम",
        "रमा",
        "रोमी",
        "สมชาย",
        "สมหญิง",
        "かき",
        "がき",
    ];
    const all = names.flatMap((name) => [...new Set(skeletons(name))]);
    expect(new Set(all).size).toBe(all.length);
    for (const name of names)
        expect(
            resembledMember({ userId: "@x:home", displayName: `${name} ` }, [{ userId: "@y:home", displayName: name }]),
        ).toBe("@y:home");
});

test.each([
    ["a stress mark on Devanagari letters", "अनिता", "अनि\u{951}ता"],
    ["a vowel sign said twice", "สมหญิง", "สมหญิ\u{e34}ง"],
    ["a Thai mark on a Han letter", "愛子", "愛\u{e47}子"],
    ["Hebrew points", "עליזה", "עַלִיזָה"],
    ["Arabic vowel marks", "أليس", "أَلِيس"],
])("%s: taken for who is written without", (_, member, invitee) => {
    expect(resembledMember(named(invitee), [{ userId: "@y:home", displayName: member }])).toBe("@y:home");
});

test.each([
    ["an override", "\u{202e}htimS ecilA", true],
    ["an embedding", "\u{202a}Alice", true],
    ["an isolate", "\u{2066}Alice\u{2069}", true],
    ["the marks of ordinary Arabic and Hebrew names", "\u{61c}أليس\u{200f} (\u{200e}Alice)", false],
    ["no such character", "אליס Alice", false],
])("%s: whether a name is shown in another order than it is written", (_, name, reordered) => {
    expect(isReordered(name)).toBe(reordered);
});

test("the ghosts of a bridge are not taken for each other", () => {
    const ghosts = ["@telegram_123:home", "@telegram_124:home", "@_discord_11:home"].map((userId) => ({ userId }));
    for (const ghost of ghosts) expect(resembledMember(ghost, ghosts)).toBeUndefined();
});

test("members are looked at once until they change, and whom the invitee may look like is left out", () => {
    const lookalikes = new Lookalikes();
    let looked = 0;
    const find = (revision: number, members: readonly Person[], but?: readonly string[]) =>
        lookalikes.find(
            { userId: "@x:home", displayName: "Alice Smith" },
            { roomId: "!room:home", revision, list: () => (looked++, members) },
            but,
        );
    expect([find(1, []), find(1, [alice]), looked]).toEqual([undefined, undefined, 1]);
    expect([find(2, [alice]), find(2, [alice], [alice.userId]), looked]).toEqual([alice.userId, undefined, 2]);
});

test("what is kept of many large rooms is bounded", () => {
    const lookalikes = new Lookalikes();
    const looked: string[] = [];
    const crowd = Array.from({ length: 8_000 }, (_, index) => ({ userId: `@user${index}:home` }));
    const look = (roomId: string) =>
        lookalikes.find({ userId: "@x:home" }, { roomId, revision: 1, list: () => (looked.push(roomId), crowd) });
    for (const roomId of ["!a", "!b", "!a", "!c", "!b", "!a"]) look(roomId);
    expect(looked).toEqual(["!a", "!b", "!c", "!a"]);
});

test("of a name as much is compared as anybody sees, whatever takes no ink before it", () => {
    expect(Math.max(...skeletons("\ufdfa".repeat(1_000)).map(({ length }) => length))).toBeLessThanOrEqual(200);
    const hidden = `${"\u200b\u2800".repeat(300)}Alice Smith`;
    expect(skeletons(hidden)).toEqual(expect.arrayContaining([...skeletons("Alice Smith")]));
});
