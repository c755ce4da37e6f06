import { usageError } from "../core/command-error.ts";

/** The shell that runs a script: a program and, where that is another shell's launcher, the shell's name. */
export type Interpreter = readonly [path: string, ...words: string[]];

/** Shells that take a command of sh. */
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"]);
const SHELL_LAUNCHERS: ReadonlySet<string> = new Set(["env", "busybox"]);

/** The shell that the first line of an rc.local names. Fails where that is none, or the kernel finds none. */
export function parseInterpreter(text: string, path: string): Interpreter {
  const [line = ""] = text.split("\n", 1);
  const words = line.startsWith("#!")
    ? line
        .slice(2)
        .trim()
        .split(/[ \t\r]+/)
    : [];
  const [program = ""] = words;
  if (program === "") {
    throw usageError(
      "rc-local-no-interpreter",
      `${path} does not begin with #!/bin/sh, so it is not run at boot; make that its first line`,
    );
  }
  if (line.endsWith("\r")) {
    throw usageError(
      "rc-local-carriage-return",
      `line 1 of ${path} ends in a carriage return, so it is not run at boot; convert the file: sed -i 's/\\r$//' ${path}`,
    );
  }
  // Options do not matter here, nor do variables that env sets.
  const [, launchedShell = ""] = words.filter((word) => !/^-|=/.test(word)).map(getBaseName);
  const isLauncher = SHELL_LAUNCHERS.has(getBaseName(program));
  if (SHELLS.has(isLauncher ? launchedShell : getBaseName(program))) {
    return isLauncher ? [program, launchedShell] : [program];
  }
  throw usageError(
    "rc-local-not-shell",
    `${path} is not a shell script (line 1 names ${sanitize(line.slice(2).trim())}); use --method systemd`,
  );
}

function getBaseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A piece of the file for a message: short, and without what would act on a terminal. */
function sanitize(text: string): string {
  const printableText = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  return printableText.length > 60 ? `${printableText.slice(0, 59)}…` : printableText;
}
