import { expect, test } from "vitest";
import { waitFor } from "./wait-for.ts";

test("a wait ends with an AbortError when one of its signals aborts, before or during it", async () => {
    const stop = new AbortController();
    const waiting = waitFor(60_000, [new AbortController().signal, stop.signal]);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    await expect(waitFor(60_000, [stop.signal])).rejects.toMatchObject({ name: "AbortError" });
});
