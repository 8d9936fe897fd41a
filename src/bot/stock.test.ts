import { expect, test } from "vitest";
import { StockTaking } from "./stock.ts";

test("rooms that were found at the start, and those whose counting failed, are counted with the next batch", async () => {
    const counted: (readonly string[])[] = [];
    let full = true;
    const stock = new StockTaking(["!old:home"], (roomIds) => {
        counted.push(roomIds);
        return full ? Promise.reject(new Error("disk full")) : Promise.resolve();
    });
    await expect(stock.take(["!new:home"])).rejects.toThrow("disk full");
    full = false;
    await stock.take(["!new:home"]);
    await stock.take([]);
    expect(counted).toEqual([["!old:home", "!new:home"], ["!old:home", "!new:home"], []]);
});
