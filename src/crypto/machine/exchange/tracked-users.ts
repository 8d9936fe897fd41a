import type { MachineContext } from "../store/context.ts";

/**
 * Users whose devices the machine keeps up to date: what a sync says of other people's does not concern it. Ours always
 * are.
 */
export async function trackedUsers({ machine, memory, userId }: MachineContext): Promise<Set<string>> {
    memory.trackedUsers ??= new Set([...(await machine.trackedUsers())].map(String)).add(userId);
    return memory.trackedUsers;
}
