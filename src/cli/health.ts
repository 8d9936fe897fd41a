import { loadDataDir, socketPath } from "../config/index.ts";
import { callBot, RemoteFailure } from "../control/index.ts";
import { exitCodes, Failure } from "../failures/index.ts";
import { type Invocation, note, print } from "./context.ts";

/** Milliseconds: both threads have 2 s to answer, and the answer some time to arrive. */
const patience = 2_500;

export async function health(invocation: Invocation): Promise<number> {
    const dataDir = loadDataDir(invocation);
    const problems = await problemsOf(dataDir);
    if (problems.length === 0) {
        print("healthy");
        return exitCodes.done;
    }
    for (const problem of problems) note(`not healthy: ${problem}`);
    return exitCodes.no;
}

async function problemsOf(dataDir: string): Promise<readonly string[]> {
    try {
        const answer = await callBot(socketPath(dataDir), "health", {}, { timeout: patience });
        if (answer === undefined) return [`no bot is running on ${dataDir}`];
        return answer.healthy || answer.problems.length > 0 ? answer.problems : ["the bot says so, without a reason"];
    } catch (error) {
        if (error instanceof Failure || error instanceof RemoteFailure) return [error.message];
        throw error;
    }
}
