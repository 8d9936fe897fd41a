import { expect, test } from "vitest";
import { exitCodes, Failure, type FailureCode, failures } from "./index.ts";

const rows = Object.entries(failures);

test("the table is sorted by exit code and code, and holds only exit codes of the contract", () => {
    const exits = rows.map(([, { exit }]) => exit);
    const order = rows.map(([code, { exit }]) => `${exit} ${code}`);
    expect(order).toEqual(order.toSorted());
    expect(Object.values(exitCodes)).toEqual(expect.arrayContaining([...new Set(exits)]));
});

test.each(rows)("%s says what happened and what to do, in sentences", (code, { message, cure }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(message).toMatch(/^(\{|[A-Z])/);
    expect(message).toMatch(/[.?!}]$/);
    expect(cure).toMatch(/([.?!]|\{\w+\})$/);
});

test.each(rows)("%s is filled in with its facts", (code, { message, cure }) => {
    const names = [...`${message} ${cure}`.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
    const facts = Object.fromEntries(names.map((name) => [name, `<${name}>`]));
    const failure = new Failure(code as FailureCode, facts);
    expect(failure.message).not.toMatch(/[{}]/);
    expect(failure.exitCode).toBe(failures[code as FailureCode].exit);
});
