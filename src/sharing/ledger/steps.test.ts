import { expect, expectTypeOf, test } from "vitest";
import { chapters, type Reason, reasons } from "./reasons.ts";
import { type JobStep, type ReasonOf, reasonsOf } from "./steps.ts";

test("every reason belongs to a state, or is only told, or was said by earlier versions", () => {
    const placed = [...Object.values(reasonsOf), chapters.told, chapters.takenBack, chapters.earlier];
    expect(new Set(placed.flatMap((known) => Object.keys(known)))).toEqual(new Set(Object.keys(reasons)));
});

test("a state with a reason that belongs to another does not compile", () => {
    expectTypeOf<["held", "paused"]>().toExtend<JobStep>();
    expectTypeOf<["held", "sent"]>().not.toExtend<JobStep>();
    expectTypeOf<["held", Reason]>().not.toExtend<JobStep>();
    expectTypeOf<["queued" | "delivered", "sent"]>().not.toExtend<JobStep>();
    expectTypeOf<["refused", "declined_lately"]>().not.toExtend<JobStep>();
    expectTypeOf<"refused_once">().toExtend<ReasonOf<"queued" | "delivered">>();
    expectTypeOf<"invited">().not.toExtend<ReasonOf<"queued" | "delivered">>();
});
