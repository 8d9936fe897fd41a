import { execFileSync, spawnSync } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const index = join(import.meta.dirname, "index.ts");

function linesOf(format: string): string {
    const script = `
        const { createLogger } = await import(${JSON.stringify(index)});
        const log = await createLogger({ level: "info", format: ${JSON.stringify(format)} });
        log.child({ job: "j1" }).info({ room: "!a:b", password: "hush" }, "delivered");
        log.debug({}, "not shown");
        process.exit(0);`;
    return execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
}

test("a JSON line has time, level, facts and message, and is out before the process ends", () => {
    const [line, ...rest] = linesOf("json").trim().split("\n");
    const entry: unknown = JSON.parse(line ?? "");
    expect(entry).toEqual({
        level: "info",
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        job: "j1",
        room: "!a:b",
        password: "[not logged]",
        msg: "delivered",
    });
    expect(rest).toEqual([]);
});

test("a pretty line is for people", () => {
    expect(linesOf("pretty")).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: delivered\n/);
});

test("a pretty line brings no control characters of other people to the terminal", () => {
    const script = `
        const { createLogger } = await import(${JSON.stringify(index)});
        const log = await createLogger({ level: "info", format: "pretty" });
        const evil = "a\\u{1b}[2J\\u{9b}2J\\u{202e}";
        log.child({ user: evil }).info({ room: evil, more: { names: [evil] }, err: new Error(evil) }, "joined " + evil);
        process.exit(0);`;
    const line = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(line.match(/a\u{fffd}\[2J\u{fffd}2J\u{fffd}/gu)?.length).toBeGreaterThanOrEqual(5);
    expect(line).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
});

test("a log that cannot be written ends nothing", () => {
    const script = `
        const { createLogger } = await import(${JSON.stringify(index)});
        const log = await createLogger({ level: "info", format: "json" });
        for (const attempt of [1, 2, 3]) log.info({ attempt }, "said to a full disk");
        process.exitCode = 7;`;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
    });
    expect([run.status, String(run.stderr)]).toEqual([7, ""]);
});
