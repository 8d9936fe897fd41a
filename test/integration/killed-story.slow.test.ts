import { expect } from "vitest";
import type { Request } from "../proxy/index.ts";
import { KilledStory, moments } from "./killed-story.ts";
import { test } from "./story.ts";

test.for(moments)(
    "killed once at each request of the story (%s), and it ends well every time",
    async (moment, { scene, alice, charlie }) => {
        const outcomes: string[] = [];
        for (let number = 1, killed = true; killed; number++) {
            let endpoint = "(the story was over)";
            const chosen = (request: Request): boolean => {
                if (request.number !== number) return false;
                ({ endpoint } = request);
                return true;
            };
            await using story = await KilledStory.open(scene, [alice, charlie]);
            try {
                expect(await story.play(chosen, moment)).toEqual(story.wellEnded);
                outcomes.push(`${number} ${endpoint}: ended well`);
            } catch (error) {
                outcomes.push(
                    `${number} ${endpoint}: ${String(error)}\n${error instanceof Error ? String(error.cause) : ""}`,
                );
            }
            ({ killed } = story);
            process.stdout.write(`killed ${moment} ${outcomes.at(-1)}\n`);
        }
        expect(outcomes.length).toBeGreaterThan(20);
        expect(outcomes.filter((outcome) => !outcome.endsWith(": ended well"))).toEqual([]);
    },
);
