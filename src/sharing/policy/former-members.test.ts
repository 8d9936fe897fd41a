import { expect, test } from "vitest";
import { FormerMembers, mayHaveBeenMember, type SenderFacts } from "./former-members.ts";

const unclear: SenderFacts = { wasMember: "unknown", hasSent: false, wholeTimeline: true };

test.each<[string, SenderFacts, boolean]>([
    ["who was seen in the room", { ...unclear, wasMember: "yes" }, true],
    ["who was only asked in, before our eyes", { ...unclear, wasMember: "no" }, false],
    ["the same, in a room of which a part is not known", { ...unclear, wasMember: "no", wholeTimeline: false }, false],
    ["who had left when the bot came, and whose messages are known", { ...unclear, hasSent: true }, true],
    ["who had left when the bot came, and never said anything", unclear, false],
    ["the same, while a part of the room is not known", { ...unclear, wholeTimeline: false }, true],
])("%s", (_, facts, may) => expect(mayHaveBeenMember(facts)).toBe(may));

test("the timeline is asked only for those of whom the member events do not tell", () => {
    const asked: (readonly string[])[] = [];
    const formerMembers = new FormerMembers({
        rooms: {
            wasMember: (_room, userId) => (userId === "@a:home" ? "yes" : userId === "@b:home" ? "no" : "unknown"),
        },
        timelines: {
            coverage: () => undefined,
            sendersAmong: (_room, userIds) => {
                asked.push(userIds);
                return new Set();
            },
        },
    });
    expect(formerMembers.strangers("!room:home", ["@a:home", "@b:home"])).toEqual(["@b:home"]);
    expect(asked).toEqual([]);
    expect(formerMembers.strangers("!room:home", ["@a:home", "@b:home", "@c:home"])).toEqual(["@b:home"]);
    expect(asked).toEqual([["@c:home"]]);
});
