import { expect, test } from "vitest";
import { openSince, type VisibilityCourse } from "./open-since.ts";

const open: VisibilityCourse = { openSince: 5, set: [], gapless: true, sameEvent: true, visibility: "shared" };
const changed: VisibilityCourse = { ...open, sameEvent: false, set: ["world_readable"], visibility: "world_readable" };

test.each<[string, VisibilityCourse, number | undefined]>([
    ["nothing changed", open, 5],
    ["nothing changed that is shown, and the event is the same", { ...open, gapless: false }, 5],
    ["it was not known to be open", { ...open, openSince: undefined }, 9],
    ["it is closed", { ...open, visibility: "joined" }, undefined],
    ["it is known to the invited alone", { ...open, visibility: "invited" }, undefined],
    ["nobody understands it", { ...open, visibility: "unknown" }, undefined],
    ["from one open setting to another", changed, 5],
    ["from one open setting to another, with something left out between", { ...changed, gapless: false }, 9],
    ["closed and opened again", { ...changed, set: ["joined", "world_readable"] }, 9],
    ["something that nobody understands in between", { ...changed, set: ["unknown", "world_readable"] }, 9],
])("%s", (_, course, since) => expect(openSince(course, 9)).toBe(since));
