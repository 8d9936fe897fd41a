import { Failure } from "./failure.ts";

/** True of what the operating system throws for want of space, and of a `Failure` that says so already. */
export function isFullDisk(error: unknown): boolean {
    if (error instanceof Failure) return error.code === "disk_full";
    return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
