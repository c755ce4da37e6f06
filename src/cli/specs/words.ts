/** What runs the boot script, as `--method` names it. */
export const METHOD_CHOICES = ["auto", "systemd", "rc.local"] as const;

/** The shells that completions are made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
