import { expect, test } from "vitest";
import { HomeserverError, type HomeserverProblem } from "../homeserver/index.ts";
import { credentialsFailure, type CredentialsVerdict, credentialsVerdict } from "./credentials.ts";

test.each<readonly [string, HomeserverProblem, CredentialsVerdict]>([
    ["a soft logout", { kind: "unknown_token", softLogout: true }, "login_again"],
    ["a hard logout", { kind: "unknown_token", softLogout: false }, "stop"],
    ["a locked account", { kind: "user_locked", error: "" }, "wait"],
    ["a suspended account", { kind: "user_suspended", error: "" }, "wait"],
    ["a deactivated account", { kind: "user_deactivated", error: "" }, "stop"],
    ["no permission", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }, undefined],
    ["an absent server", { kind: "unreachable", reason: "dns", detail: "" }, undefined],
])("%s", (_, problem, verdict) => expect(credentialsVerdict(new HomeserverError("sync", problem))).toBe(verdict));

test("other errors say nothing about credentials", () =>
    expect(credentialsVerdict(new Error("M_UNKNOWN_TOKEN"))).toBeUndefined());

test.each<readonly [HomeserverProblem, string]>([
    [{ kind: "unknown_token", softLogout: false }, "device_logged_out"],
    [{ kind: "user_deactivated", error: "" }, "account_deactivated"],
])("the failure to end with names its cause", (problem, code) => {
    const failure = credentialsFailure(new HomeserverError("sync", problem), "@bot:x", "DEV");
    expect(failure).toMatchObject({ code, exitCode: 77 });
    expect(failure.message).toContain("@bot:x");
});
