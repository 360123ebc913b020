#!/usr/bin/env python3
"""What the numpy reference computes for a part of the golden packs, small enough for the scalar tier in every test run.

    python test/golden/make_part.py scout msa_reference.py SmolLM2-135M-Instruct.Q4_1.gguf adapter.safetensors
    python test/golden/make_part.py coder msa_reference.py qwen2.5-coder-1.5b-instruct-q4_k_m.gguf adapter.safetensors

The reference file is given by path. Needs numpy, gguf, tokenizers, safetensors; three minutes for the coder, 9 GB.

part-NAME.json.gz has the form of independent*.json.gz: the three (coder: two) shortest segments, the probes of slots 0, 127 and
128, one question with all its steps; for the coder the same question again with the engine writing its citation (`pointed`:
per citation the candidates, best first, as [value, log p, focus, path, ids]).
"""
import gzip
import importlib.util
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
PARTS = {
    "scout": ("independent.json.gz", 3, "Where is `main` defined?"),
    "coder": ("independent-qwen.json.gz", 2, "Where is `template_rendered` defined?"),
}
SLOTS = (0, 127, 128)


def main():
    name, reference_path, model_path, adapter_path = sys.argv[1:]
    golden, count, question = PARTS[name]
    spec = importlib.util.spec_from_file_location("msa_reference", reference_path)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)

    whole = json.load(gzip.open(HERE / golden))["segments"]
    chosen = sorted(sorted(range(len(whole)), key=lambda i: len(whole[i]["ids"]))[:count])
    segments = [whole[i] for i in chosen]
    paths = [s["path"] for s in segments]
    model = reference.Model(model_path, adapter_path)
    pack = reference.Pack(model, [s["ids"] for s in segments])
    results = [reference.ask(model, pack, paths, question, 48)]
    if name == "coder":
        results.append(reference.ask(model, pack, paths, question, 48, 1.0))
    for result in results:
        print(result["text"], result["files"], [c[:2] for c in result.get("pointed", [])], flush=True)
    layers = len(model.layers)
    probe = [
        {"layer": i, "slot": slot, "k": pack.kv[i][0][slot].tolist(), "v": pack.kv[i][1][slot].tolist(), "indexKey": pack.kv[i][2][slot].tolist()}
        for i in (0, layers // 2, layers - 1)
        for slot in SLOTS
    ]
    out = {
        "meta": model.meta,
        "segments": [{"path": s["path"], "ids": s["ids"], "blocks": list(b)} for s, b in zip(segments, pack.segments)],
        "probe": probe,
        "results": results,
    }
    target = HERE / f"part-{name}.json.gz"
    target.write_bytes(gzip.compress(json.dumps(out, separators=(",", ":")).encode(), 9, mtime=0))
    print(target.name, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
