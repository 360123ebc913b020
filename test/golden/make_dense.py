#!/usr/bin/env python3
"""Golden vectors of the dense base models, computed by PyTorch transformers in fp32 from dequantised weights.

    python test/golden/make_dense.py scout SmolLM2-135M-Instruct.Q4_1.gguf
    python test/golden/make_dense.py coder qwen2.5-coder-1.5b-instruct-q4_k_m.gguf

Needs numpy, torch, transformers, gguf, tokenizers; half a minute for the scout, six minutes and 9 GB for the coder.

dense-NAME.json.gz
  greedy: per prompt its ids, the greedy continuation, the smallest margin between the two best logits on the way, and the
          hidden states after the final norm of every fourth position of both together.
  forced: runs of 1,024 tokens taken from the segments of independent*.json.gz; per position the log-sum-exp of the logits and
          the 64 largest of them, in thousandths of a nat: `top` holds ids, `steps` the first logit, then how much each falls.
"""
import gzip
import json
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from gguf_weights import load
from gguf_tokenizer import tokenizer_of

HERE = pathlib.Path(__file__).parent
PROMPTS = [
    "def parse_header(line):\n    \"\"\"Split a header line into name and value.\"\"\"\n",
    "<|im_start|>user\nWhat is a hash table, and when is it slow?<|im_end|>\n<|im_start|>assistant\n",
    "#include <stdio.h>\n\nint main(int argc, char **argv) {\n\tfor (int i = 1; i < argc; i++) {\n",
    "The three primary colours are",
    "import { readFile } from \"node:fs/promises\";\n\n// Zeilen zählen – 行を数える\nexport async function countLines(path: string)",
]
SIZES = {"scout": (5, 64, "independent.json.gz", 12), "coder": (2, 24, "independent-qwen.json.gz", 2)}
RUN, BEST, EVERY = 1024, 64, 4


def main():
    name, path = sys.argv[1:]
    prompts, answer, golden, second = SIZES[name]
    model, reader = load(path)
    tokenizer = tokenizer_of(reader)
    segments = json.load(gzip.open(HERE / golden))["segments"]
    out = {"model": pathlib.Path(path).name, "every": EVERY, "greedy": [], "forced": []}
    with torch.inference_mode():
        for prompt in PROMPTS[:prompts]:
            ids = tokenizer.encode(prompt, add_special_tokens=False).ids
            tokens, margin = list(ids), float("inf")
            seen, cache = 0, None
            for _ in range(answer):
                step = model(torch.tensor([tokens[seen:]]), past_key_values=cache, use_cache=True)
                seen, cache = len(tokens), step.past_key_values
                best = step.logits[0, -1].topk(2)
                margin = min(margin, float(best.values[0] - best.values[1]))
                tokens.append(int(best.indices[0]))
            hidden = model.model(torch.tensor([tokens])).last_hidden_state[0]
            kept = [[float(f"{x:.7g}") for x in hidden[i].tolist()] for i in range(0, len(tokens), EVERY)]
            out["greedy"].append({"prompt": ids, "answer": tokens[len(ids) :], "margin": margin, "hidden": kept})
            print(f"{margin:.4f}  {tokenizer.decode(tokens[len(ids):], skip_special_tokens=False)!r}", flush=True)
        for index in (0, second):
            ids = segments[index]["ids"][:RUN]
            assert len(ids) == RUN
            logits = model(torch.tensor([ids])).logits[0].double()
            best = logits.topk(BEST)
            thousandths = (best.values * 1000).round().long()
            steps = torch.cat([thousandths[:, :1], thousandths[:, :-1] - thousandths[:, 1:]], 1)
            out["forced"].append(
                {
                    "segment": index,
                    "logSumExp": [round(float(x), 5) for x in logits.logsumexp(-1)],
                    "top": best.indices.tolist(),
                    "steps": steps.tolist(),
                }
            )
            loss = -(logits.log_softmax(-1)[:-1].gather(1, torch.tensor(ids)[1:, None])).mean()
            print(f"segment {index}: {float(loss):.3f} nats a token", flush=True)
    target = HERE / f"dense-{name}.json.gz"
    target.write_bytes(gzip.compress(json.dumps(out, separators=(",", ":")).encode(), 9, mtime=0))
    print(target.name, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
