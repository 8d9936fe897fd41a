import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program } from "../process/index.ts";
import { FileLock } from "./file-lock.ts";

/** The version that the figures in the docs were measured with. */
const synapseVersion = "1.163.2";

const repository = join(import.meta.dirname, "../..");

/** Says one line about what is going on; the pip lines come often. */
export type Progress = (line: string) => void;

/**
 * Makes, once, a Python virtual environment with Synapse in the cache folder (`BACKSCROLL_CACHE`, by default `.cache`
 * in the repository) and answers the path of its interpreter. Safe to call from several processes at once; a set-up
 * that was interrupted is made anew. Throws an error whose message is a sentence with the cure where Python or its venv
 * module is missing.
 */
export async function installSynapse(progress: Progress = () => {}): Promise<string> {
    const cache = process.env["BACKSCROLL_CACHE"] ?? join(repository, ".cache");
    mkdirSync(cache, { recursive: true });
    const folder = join(cache, `synapse-${synapseVersion}`);
    const marker = join(folder, "installed");
    const python = join(folder, "bin/python");
    if (existsSync(marker)) return python;

    await using _lock = await FileLock.take(`${folder}.lock`, () =>
        progress("waiting for another process that installs Synapse"),
    );
    if (existsSync(marker)) return python;
    const system = await systemPython();
    progress(`making a Python environment for Synapse ${synapseVersion}, once; it stays in ${folder}`);
    rmSync(folder, { recursive: true, force: true });
    await run("python3 -m venv", system, ["-m", "venv", folder], progress);
    await run("pip install", python, [...pipInstall, `matrix-synapse==${synapseVersion}`], progress);
    writeFileSync(marker, `${synapseVersion}\n`);
    progress("Synapse is installed");
    return python;
}

const pipInstall = [
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar",
    "off",
    "--prefer-binary",
];

const probe = "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 10) else 3)";

async function systemPython(): Promise<string> {
    const python = new Program({ name: "python3", command: "python3", args: ["-c", probe] });
    const { code } = await python.exited;
    if (code === 0) return "python3";
    if (python.output.includes("ENOENT"))
        throw new Error(
            "The demo and the tests run a real Synapse and need Python 3.10 or newer: install python3 with its venv module, then try again.",
        );
    if (code === 3)
        throw new Error(
            "The demo and the tests run a real Synapse and need Python 3.10 or newer; python3 on this machine is older.",
        );
    throw new Error(
        "Python's venv module is missing: install it (on Debian and Ubuntu: apt install python3-venv), then try again.",
    );
}

async function run(name: string, command: string, args: readonly string[], progress: Progress): Promise<void> {
    const program = new Program({ name, command, args });
    program.onLine((line) => {
        const collected = /^Collecting ([\w.-]+)/.exec(line)?.[1];
        if (collected !== undefined) progress(`fetching ${collected}`);
        if (line.startsWith("Installing")) progress("installing what was fetched");
    });
    const { code } = await program.exited;
    if (code !== 0)
        throw new Error(`${name} failed (status ${code ?? "none"}). It said:\n${program.lines.slice(-15).join("\n")}`);
}
