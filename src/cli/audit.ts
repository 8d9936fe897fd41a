import { loadDataDir } from "../config/index.ts";
import { exitCodes } from "../failures/index.ts";
import { roomId, userId } from "./arguments.ts";
import { auditText } from "./audit-text.ts";
import { type Invocation, print } from "./context.ts";
import { filter, instant } from "./filters.ts";

const command = "audit";

export async function audit(invocation: Invocation): Promise<number> {
    const asked = {
        roomId: filter(invocation, command, "room", roomId),
        userId: filter(invocation, command, "user", userId),
        since: filter(invocation, command, "since", instant),
    };
    const { readAudit } = await import("../bot/index.ts");
    const report = await readAudit(loadDataDir(invocation), asked);
    print(invocation.options["json"] === true ? JSON.stringify(report, undefined, 2) : auditText(report));
    return exitCodes.done;
}
