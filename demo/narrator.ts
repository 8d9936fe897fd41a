import { styleText } from "node:util";

/** Tells the story on standard output, line by line; on a terminal, passing news share one line that is overwritten. */
export class Narrator {
    readonly #terminal = process.stdout.isTTY;
    #passing = false;

    chapter(title: string): void {
        this.#line(`\n${styleText("bold", title)}`);
    }

    /** Something that is done now. */
    done(text: string): void {
        this.#line(`  ${styleText("green", "✓")} ${text}`);
    }

    /** Something that somebody does. */
    tell(text: string): void {
        this.#line(`    ${text}`);
    }

    says(name: string, text: string): void {
        this.#line(`    ${styleText("cyan", name)}: ${text.replaceAll("\n", "\n      ")}`);
    }

    wrong(text: string): void {
        this.#line(`  ${styleText("red", "✗")} ${text}`);
    }

    verbatim(text: string): void {
        for (const line of text.trimEnd().split("\n")) this.#line(`    ${line}`);
    }

    /** News that the next line makes old. */
    passing(text: string): void {
        if (!this.#terminal) {
            this.#line(`    ${text}`);
            return;
        }
        process.stdout.write(`\r\u001b[2K  … ${text}`.slice(0, process.stdout.columns));
        this.#passing = true;
    }

    #line(text: string): void {
        if (this.#passing) process.stdout.write("\r\u001b[2K");
        this.#passing = false;
        process.stdout.write(`${text}\n`);
    }
}
