import { existsSync, readFileSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";

// Loaded before the bot (`Bot.launch`), in each of its threads: does harm to the crypto worker once the file that
// FAULT_FILE names is there.
const file = process.env["FAULT_FILE"];

const faults: Readonly<Record<string, () => unknown>> = {
    panic() {
        throw Object.assign(new Error("unreachable"), { name: "RuntimeError" });
    },
    reject: () => Promise.reject(new Error("nobody waits for this")),
    exit: () => process.exit(3),
    // Native code that `terminate` cannot interrupt.
    stuck: () =>
        new DatabaseSync(":memory:").exec(
            "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
        ),
    /** The disk fails at the next commit. */
    commit() {
        const exec: unknown = Object.getOwnPropertyDescriptor(DatabaseSync.prototype, "exec")?.value;
        DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
            if (sql === "COMMIT")
                throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 });
            if (typeof exec === "function") Reflect.apply(exec, this, [sql]);
        };
    },
};

if (!isMainThread && file !== undefined) {
    const look = setInterval(() => {
        if (!existsSync(file)) return;
        clearInterval(look);
        const fault = readFileSync(file, "utf8");
        // Whoever planted it sees that it takes effect.
        rmSync(file);
        faults[fault]?.();
    }, 20);
    look.unref();
}
