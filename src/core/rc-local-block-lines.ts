/**
 * The line that begins the block of `persist` in an rc.local. It counts with whatever explanation
 * another version writes behind it.
 */
export const RC_LOCAL_BEGIN_LINE = /^[ \t]*# BEGIN offload \(written by "offload persist"/;

/** The line that ends it. */
export const RC_LOCAL_END_LINE = /^[ \t]*# END offload\s*(?:\(|$)/;
