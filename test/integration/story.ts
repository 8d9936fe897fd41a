import { inject, test as base } from "vitest";
import { Proxy } from "../proxy/index.ts";
import { Homeserver } from "../synapse/index.ts";
import { Scene } from "./scene.ts";

/**
 * A story: a test that names whom it needs, and they are there. Charlie is somebody else in each story; the others stay
 * for all stories of a file. A file says by `test.extend("bot", { scope: "file" }, ...)` what is otherwise in its
 * stories.
 */
export const test = base
    .extend("homeserver", { scope: "file" }, () => new Homeserver(inject("homeserver")))
    .extend("scene", { scope: "file" }, async ({ homeserver }, { onCleanup }) => {
        const scene = await Scene.open(homeserver);
        onCleanup(async () => await scene[Symbol.asyncDispose]());
        return scene;
    })
    /** Between a bot whose HOMESERVER_URL it is and the homeserver. */
    .extend("proxy", { scope: "file" }, async ({ scene }, { onCleanup }) => {
        const proxy = await Proxy.open(scene.synapse.url);
        onCleanup(async () => await proxy[Symbol.asyncDispose]());
        return proxy;
    })
    .extend("alice", { scope: "file" }, async ({ scene }) => await scene.person("alice"))
    .extend("bot", { scope: "file" }, async ({ scene }) => await scene.bot())
    .extend("charlie", async ({ scene }) => await scene.person("charlie"));
